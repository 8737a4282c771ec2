"""What one request may take; `gate.Gate` holds every request to it."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """What a server takes on.

    Attributes:
        max_body_bytes: of a request, counted as it arrives.
        max_pages: of a document, or images of a request.
        window_pages: pages that the model is shown at once; a longer document is read in windows.
        max_image_pixels: area of an image as it is sent, before it is resized.
        max_output_tokens: the most that a request may ask for.
        request_seconds: from the first byte to the answer.
        render_seconds: drawing one PDF.
        max_waiting: requests taken in while another is being answered; the next is told to come
            again (429).
        remote_images: whether http(s) images that a request names are fetched; private addresses
            never are.
        fetch_seconds: fetching them, all of a request together.
    """

    max_body_bytes: int = 32 * 1024 * 1024
    max_pages: int = 20
    window_pages: int = 8
    max_image_pixels: int = 100_000_000
    max_output_tokens: int = 4096
    request_seconds: float = 120.0
    render_seconds: float = 30.0
    max_waiting: int = 64
    remote_images: bool = False
    fetch_seconds: float = 20.0

    @property
    def too_large(self) -> str:
        """Why a body is refused."""
        return f"the body is over the limit of {self.max_body_bytes} bytes"
