// Program.
