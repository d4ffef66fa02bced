"""Engines behind the ports: Docker and the embedded one."""
