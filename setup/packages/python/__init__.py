"""The loratwin command: many LoRA adapters fine-tuned at once over one shared base model, with a digital twin."""
