"""What `snn-schedule` is made of: stages, layouts, and the lowering of each operation."""
