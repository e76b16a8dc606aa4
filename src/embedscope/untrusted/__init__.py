"""Files of formats whose parsers can be made to take any amount of memory, read by a child process under limits."""
