"""Signs of the graphics card and its driver: not there, not allowed, unknown, lost, not linked."""

from __future__ import annotations

import re

from arcdesk.engine.log_causes import START_AGAIN, USE_CPU, Sign, Weight, say

_NO_GPU = say(
    "no_gpu",
    "The server sees no graphics card",
    "Inside the container no Intel GPU was found.",
    "Check that the driver is installed, that /dev/dri exists, and that the image knows this card.",
    START_AGAIN,
    USE_CPU,
)
_PERMISSION = say(
    "gpu_permission",
    "The server may not open the graphics card",
    "The card's device files are there, but the container's user is not allowed to use them.",
    "Add your user to the groups render and video, log in again, then start again.",
    START_AGAIN,
    USE_CPU,
)
_TOO_OLD = say(
    "image_too_old",
    "This image does not know your graphics card",
    "The image, or the driver in it, is older than the card.",
    "Choose a newer image: 0.2.0-b2 or an llm-scaler image for Battlemage cards.",
    USE_CPU,
)
_LOST = say(
    "device_lost",
    "The graphics card stopped responding",
    "The driver lost the device: the card hung and was reset.",
    "Start again. If it comes back, restart the computer, use less memory, or try another image version.",
    START_AGAIN,
)
_ABORT = say(
    "gpu_driver_abort",
    "The graphics driver aborted the server",
    "The driver ended the server process by itself; this is a fault in the driver or in the image.",
    "Start again. If it comes back, try another image version or update the driver.",
    START_AGAIN,
    USE_CPU,
)
_CCL = say(
    "ccl_error",
    "The cards could not talk to each other",
    "oneCCL, the library that connects the cards, failed.",
    "Use one card (tensor parallel size 1), or try another image version.",
    START_AGAIN,
)
_BUS = say(
    "bus_error",
    "The server hit a bus error",
    "It touched memory that is not there. On Arc cards Resizable BAR is usually off.",
    "Turn on Resizable BAR and Above 4G decoding in the BIOS.",
    START_AGAIN,
)
_SEGFAULT = say(
    "segfault",
    "The server crashed",
    "It ended with a segmentation fault.",
    "Start again; with several cards, try fewer.",
    START_AGAIN,
)

_DENIED = re.compile(
    r"(/dev/dri|renderD\d+).*[Pp]ermission denied|[Pp]ermission denied.*(/dev/dri|renderD\d+)"
)
_NO_SUCH_DEVICE = re.compile(r"No (HIP|CUDA|XPU) (GPUs|devices) are available|_ERROR_DEVICE_NOT_FOUND")
_LOST_CODE = re.compile(r"(Native API returns: -?|backend failed with error: )20\b")
_BINARY = re.compile(
    r"(PI_ERROR|UR_RESULT_ERROR)_(INVALID_BINARY|BUILD_PROGRAM_FAILURE|PROGRAM_BUILD_FAILURE)"
)
_CRASH_WORD = re.compile(r"Segmentation fault|SIGSEGV|Segfault encountered")
_BUS_WORD = re.compile(r"\bBus error\b|\bSIGBUS\b")
_COLLECTIVE = re.compile(
    r"\|CCL_ERROR\||oneCCL: .*EXCEPTION|ze error at zeMem\w+|\bNCCL error\b|ncclSystemError"
)

GPU_SIGNS: tuple[Sign, ...] = (
    Sign(
        needles=("Permission denied", "permission denied"),
        pattern=_DENIED,
        explain=_PERMISSION,
        is_certain=False,  # one closed node of several does no harm
        at_any_level=True,
    ),
    Sign(
        needles=("not supported by sycl_ext_oneapi_device_architecture", "no kernel image is available"),
        explain=_TOO_OLD,
    ),
    Sign(needles=("INVALID_BINARY", "BUILD_PROGRAM", "PROGRAM_BUILD"), pattern=_BINARY, explain=_TOO_OLD),
    Sign(
        needles=("support querying the available free memory",),
        explain=_TOO_OLD,
        weight=Weight.HINT,
    ),
    Sign(
        needles=("_DEVICE_LOST", "GPU HANG:", "Device lost", "device lost"),
        explain=_LOST,
        at_runtime=True,
    ),
    Sign(
        needles=("Native API returns", "backend failed with error"),
        pattern=_LOST_CODE,
        explain=_LOST,
        at_runtime=True,
    ),
    Sign(
        needles=("on UnspecifiedPlatform", "'UnspecifiedPlatform' object has no attribute"),
        explain=_NO_GPU,
        weight=Weight.CRASH,
        at_any_level=True,
    ),
    Sign(
        needles=(
            "Failed to infer device type",
            "Failed to initialize XPU devices",
            "Device string must not be empty",
            "Found no NVIDIA driver",
            "not compiled with XPU enabled",
            "not compiled with CUDA enabled",
            "No device of requested type available",
            "zeInit failed",
        ),
        explain=_NO_GPU,
        weight=Weight.CRASH,
    ),
    Sign(
        needles=("are available", "DEVICE_NOT_FOUND"),
        pattern=_NO_SUCH_DEVICE,
        explain=_NO_GPU,
        weight=Weight.CRASH,
    ),
    Sign(
        needles=("XPU device count is zero",),
        explain=_NO_GPU,
        weight=Weight.CRASH,
        is_certain=False,  # a warning of torch; a CPU server prints it too
        at_any_level=True,
    ),
    Sign(
        needles=("Abort was called at", "Segmentation fault from GPU", "IGC: Internal Compiler Error"),
        explain=_ABORT,
        at_runtime=True,
    ),
    Sign(
        needles=(
            "ze_data was not initialized",
            "zeMemOpenIpcHandle",
            "zeMemGetIpcHandle",
            "ccl::v1::exception",
        ),
        explain=_CCL,
        at_runtime=True,
    ),
    Sign(
        needles=("CCL_ERROR", "oneCCL", "ze error at", "NCCL error", "ncclSystemError"),
        pattern=_COLLECTIVE,
        explain=_CCL,
        at_runtime=True,
    ),
    Sign(
        needles=("Connection reset by peer", "Connection closed by peer"),
        pattern=re.compile(r"(gloo|ccl|nccl)", re.IGNORECASE),
        explain=_CCL,
        weight=Weight.HINT,
        at_runtime=True,
    ),
    Sign(
        needles=("Bus error", "SIGBUS"),
        pattern=_BUS_WORD,
        unless=("out of shared memory",),
        explain=_BUS,
        at_runtime=True,
    ),
    Sign(
        needles=("Segmentation fault", "SIGSEGV", "Segfault encountered"),
        pattern=_CRASH_WORD,
        explain=_SEGFAULT,
        at_runtime=True,
    ),
    Sign(
        needles=(
            "terminate called",
            "Fatal Python error: Aborted",
            "Aborted (core dumped)",
            "PI_ERROR_INVALID_DEVICE",
            "add devices across platforms to a single context",
            "could not create an engine",
            "could not create a primitive",
            "RuntimeError: UR error",
            "LLVM ERROR",
        ),
        explain=_ABORT,
        weight=Weight.CRASH,  # the line after it may say why
        at_runtime=True,
    ),
)
