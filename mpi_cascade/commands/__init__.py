"""The commands, a module each, which imports at its top what its options need, its work later."""
