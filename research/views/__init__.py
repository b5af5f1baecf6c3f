"""The pages: one module a noun, one function an address. They show and launch; they never research or crawl."""
