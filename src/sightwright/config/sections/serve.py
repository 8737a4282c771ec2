"""`serve`: what the server serves, where it listens and what it refuses."""

from pydantic import Field, PositiveFloat, PositiveInt

from sightwright.config.section import Section


class Serve(Section):
    model: str | None = Field(
        default=None, description="model folder, hub id, or tiny; --model of the command line wins"
    )
    adapters: str | None = Field(
        default=None, description="an adapter's folder, or a run folder, on top of the model"
    )
    served_model_name: str | None = Field(
        default=None, description="name that clients ask for; the folder's when absent"
    )
    schemas: dict[str, str] = Field(
        default_factory=dict[str, str],
        description="JSON Schema files of /v1/extract by name; the one trained with when absent",
    )
    prompt: str | None = Field(
        default=None, description="instruction of /v1/extract; the one trained with when absent"
    )
    host: str = Field(default="127.0.0.1", description="address to listen on")
    port: int = Field(default=8000, ge=0, le=65535, description="port; 0 takes a free one")
    api_key_file: str | None = Field(
        default=None, description="file of API keys, one a line; without a key, anybody may ask"
    )
    open_metrics: bool = Field(default=False, description="/metrics needs no API key")
    remote_images: bool = Field(
        default=False,
        description="fetch http(s) images that requests name; never private addresses",
    )
    dpi: int = Field(
        default=200, ge=36, le=1200, description="resolution of PDFs within the pixel budget"
    )
    max_body_bytes: PositiveInt = Field(
        default=33_554_432, description="largest request (413 above)"
    )
    max_pages: PositiveInt = Field(default=20, description="most pages of a document (413 above)")
    window_pages: PositiveInt = Field(
        default=8, description="pages shown at once; a longer document is read in windows"
    )
    max_image_pixels: PositiveInt = Field(
        default=100_000_000, description="largest image before scaling (413 above)"
    )
    max_output_tokens: PositiveInt = Field(
        default=4096, description="most output tokens that a request may ask for"
    )
    max_waiting: int = Field(default=64, ge=0, description="requests that wait (429 above)")
    timeout_seconds: PositiveFloat = Field(
        default=120.0, description="time for one request (504 above)"
    )
    grace_seconds: PositiveFloat = Field(
        default=30.0, description="time for the requests in hand when the server is stopped"
    )
