"""The file formats, one a file: each opens a picture and encodes one."""
