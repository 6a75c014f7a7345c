"""The parts of the page LoRA."""
