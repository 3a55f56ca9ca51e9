"""What `kernel-to-standard` is made of: code that is written, memory, and each kernel's loops."""
