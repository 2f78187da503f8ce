"""The whole road on one machine: usage in, reviewed capacity out, capacity given back."""
