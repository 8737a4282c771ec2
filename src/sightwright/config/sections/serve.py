"""`serve`: where the server listens and what it refuses."""

from pydantic import Field, PositiveFloat, PositiveInt

from sightwright.config.section import Section


class Serve(Section):
    host: str = Field(default="127.0.0.1", description="address to listen on")
    port: int = Field(default=8000, ge=0, le=65535, description="port; 0 takes a free one")
    served_model_name: str | None = Field(
        default=None, description="name that clients ask for; the folder's when absent"
    )
    max_body_bytes: PositiveInt = Field(
        default=33_554_432, description="largest request (413 above)"
    )
    max_pages: PositiveInt = Field(default=20, description="most pages of a document (413 above)")
    max_image_pixels: PositiveInt = Field(
        default=100_000_000, description="largest image before scaling (413 above)"
    )
    max_waiting: PositiveInt = Field(default=64, description="requests that wait (503 above)")
    timeout_seconds: PositiveFloat = Field(
        default=120.0, description="time for one request (504 above)"
    )
