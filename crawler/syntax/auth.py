"""Credentials as a manifest spells them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from pydantic import Field, model_validator

from crawler.errors import TemplateFailed
from crawler.request import Auth
from crawler.syntax.headers import header_value_problem
from crawler.syntax.spec import Spec, TextField
from crawler.syntax.template import text


class AuthSpec(Spec):
    """Credentials: ``user`` and ``password``, or a bearer ``token``."""

    type: Literal["basic", "digest", "bearer"] | None = Field(
        None, description="Without it: bearer if there is a token, else basic."
    )
    user: TextField | None = None
    username: TextField | None = Field(None, description="The same as user.")
    password: TextField | None = Field(None, repr=False)
    token: TextField | None = Field(None, repr=False)

    @model_validator(mode="after")
    def _one_scheme(self) -> AuthSpec:
        if self.user is not None and self.username is not None:
            raise ValueError("'user' and 'username' are the same; expected one of them")
        name = self.user if self.user is not None else self.username
        if self.scheme == "bearer":
            if self.token is None:
                raise ValueError("bearer credentials need 'token'")
            if name is not None or self.password is not None:
                raise ValueError("bearer credentials are a 'token' alone, without user or password")
        elif self.token is not None:
            raise ValueError(f"{self.scheme} credentials are 'user' and 'password', without 'token'")
        elif name is None:
            raise ValueError(f"{self.scheme} credentials need 'user'")
        for secret in (name, self.password, self.token):
            if isinstance(secret, str) and (why := _credential_problem(secret, secret is name, self.scheme)):
                raise ValueError(why)
        return self

    @property
    def scheme(self) -> str:
        """``basic``, ``digest`` or ``bearer``."""
        return self.type or ("bearer" if self.token is not None else "basic")

    def credentials(self, values: Mapping[str, object]) -> Auth:
        """The credentials of one task. Raises ``TemplateFailed``, never quoting a value."""
        name = self.user if self.user is not None else self.username
        secret = self.token if self.scheme == "bearer" else self.password
        auth = Auth(self.scheme, text(name or "", values), text(secret or "", values))
        for value, is_name in ((auth.user, True), (auth.secret, False)):
            if why := _credential_problem(value, is_name, self.scheme):
                raise TemplateFailed(f"auth: {why}")
        return auth


def _credential_problem(value: str, is_name: bool, scheme: str) -> str | None:
    if header_value_problem(value):
        return "credentials must be one line, found a line break or NUL"
    if is_name and scheme == "basic" and ":" in value:
        return "a user name must not hold ':' (RFC 7617 §2)"
    return None
