"""Letters on their way out: written from templates, carried to a mail server or into a folder, tried until they go."""
