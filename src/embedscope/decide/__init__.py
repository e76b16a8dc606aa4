"""From a result to a verdict: criteria, checklist, reasons. Pure."""
