#!/bin/sh
# A node starts its services with node-service; packages start and stop nothing by themselves.
exit 101
