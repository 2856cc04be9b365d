"""The studio: a server that makes pictures of label maps that are painted in its page, and the page.

What is on the screen is a model, a label map, an instance map and a recipe (`style_recipe`), which says how the style
is made. The server keeps nothing else but bounded caches.
"""
