"""Findings as files: report.json, the page, JUnit, Markdown. Nothing here measures."""
