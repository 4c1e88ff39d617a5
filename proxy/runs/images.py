"""Images as model servers take them: as URLs that hold them whole, of a type that their first bytes tell."""

import base64


def image_type(content: bytes) -> str | None:
    """The media type of a picture that models can see, whatever its name says; None for anything else."""
    if content.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if content.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if content.startswith((b"GIF87a", b"GIF89a")):
        return "image/gif"
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return "image/webp"
    return None


def data_url(content: bytes) -> str | None:
    """`data:image/png;base64,...`; None for what is no such picture."""
    kind = image_type(content)
    return None if kind is None else f"data:{kind};base64,{base64.b64encode(content).decode()}"
