//! A table and its optimizer's state in one safetensors file.
