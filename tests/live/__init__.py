"""Tests against real model servers, which they install and start themselves: `make test-live`."""
