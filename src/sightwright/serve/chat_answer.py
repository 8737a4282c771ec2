"""A whole chat answer as JSON, in OpenAI's shape."""

import secrets
import time
from collections.abc import Sequence
from typing import Any

from sightwright.infer.engine import Completion


def chat_completion(model: str, completion: Completion, *, with_logprobs: bool) -> dict[str, Any]:
    """The value of a `chat.completion`."""
    logprobs = logprobs_value(completion.tokens, completion.logprobs) if with_logprobs else None
    choice = {
        "index": 0,
        "message": {"role": "assistant", "content": completion.text, "refusal": None},
        "finish_reason": completion.finish_reason,
        "logprobs": logprobs,
    }
    return {
        "id": f"chatcmpl-{secrets.token_hex(12)}",
        "object": "chat.completion",
        "created": int(time.time()),
        "model": model,
        "choices": [choice],
        "usage": usage_value(completion),
    }


def usage_value(completion: Completion) -> dict[str, int]:
    return {
        "prompt_tokens": completion.prompt_tokens,
        "completion_tokens": completion.completion_tokens,
        "total_tokens": completion.prompt_tokens + completion.completion_tokens,
    }


def logprobs_value(tokens: Sequence[bytes], logprobs: Sequence[float]) -> dict[str, Any]:
    """One entry a token. `bytes` is exact; `token` is text, which a part of a character is not."""
    content = [
        {
            "token": token.decode(errors="replace"),
            "bytes": list(token),
            "logprob": logprob,
            "top_logprobs": [],
        }
        for token, logprob in zip(tokens, logprobs, strict=True)
    ]
    return {"content": content, "refusal": None}
