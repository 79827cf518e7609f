"""Vaults: what one run knows to be personal, and how it keeps that out of everything it writes.

A run has a vault where its mission or one of its tools declares personal fields; others pay nothing. What was
declared is sealed wherever it comes up again: in arguments, results, answers of models and cards. Long text is
sealed as a whole, since people are also named in words that nobody declared.
"""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING, Any, cast

import orjson

from gonogo.errors import EvidenceBroken, SettingsBroken
from gonogo.evidence.keyring import derived, keyring_at
from gonogo.evidence.sealing import sealed, sealed_values
from gonogo.evidence.spotting import Spotter
from gonogo.personal import personal_in

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from gonogo.evidence.keyring import Keyring, SubjectKey
    from gonogo.evidence.records import Record

REFERENCES = "subjectrefs"
"""The envelope's field that names the keys of a run's subjects, apart by commas."""
LONG_CHARACTERS = 80
"""Text above this is sealed as a whole, under the key of the run's first subject."""
SHORT_CHARACTERS = 3
"""A value below this is found by the name of its field alone: elsewhere it could be anything."""
HIDDEN = "[personal]"
"""What stands in a leaf in the place of a value; leaves cannot be erased."""

_SEALED_TEXTS_MAX = 1_000
"""How many short texts a run keeps as they are sealed."""
_SPOKEN = frozenset({
    "error", "what", "because", "case_ref", "told", "sentence", "reason", "subject", "name", "refused_because",
    "threshold", "observed", "safe_state",
})  # fmt: skip
"""Fields of a leaf that hold words for people; the others hold ids, digests and closed vocabularies."""


class Vault:
    """The keys of a run's subjects, and the values it has met that are theirs."""

    def __init__(
        self, keyring: Keyring, keys: list[SubjectKey], run_id: str, known: Mapping[str, SubjectKey] | None = None
    ) -> None:
        """Hold the keys of a run, the first for what nobody says whose it is; ``known`` are those by subject."""
        self._keyring = keyring
        self._keys = {key.id: key for key in keys}
        self._first = keys[0]
        self._by_subject = dict(known or {})
        self._texts: dict[str, SubjectKey] = {}
        self._fields: dict[tuple[str, bytes], SubjectKey] = {}
        self._names: set[str] = set()
        """What the fields are called; in any other one, no value has to be looked up."""
        self._noted: set[str] = set()
        self._sealed_texts: dict[tuple[str, str], str] = {}
        """What short texts stand as, by key: the same person comes up again and again."""
        self._spotter = Spotter()
        # Gone with any of the keys: a digest of what a person said must not be found again by trying.
        secrets = b"".join(sorted(key.secret for key in keys))
        self._digesting = hmac.new(derived(secrets, b"gonogo digests\x1f" + run_id.encode()), digestmod="sha256")
        self.references = ",".join(key.id for key in keys)
        """Ids of the keys, as the envelope names them."""

    def key_of(self, identity: str) -> SubjectKey | None:
        """Return a key by its id, the run's own without looking them up."""
        return self._keys.get(identity) or self._keyring.by_id(identity)

    def digest(self, raw: bytes) -> str:
        """Return a digest that only this run can make; the same on every replay."""
        digesting = self._digesting.copy()
        digesting.update(raw)
        return digesting.hexdigest()

    def learn(self, *values: object) -> None:
        """Take note of every personal value in what the run was given, so that it is sealed wherever it comes up."""
        for value in values:
            for held in personal_in(value):
                key = self._key_for(held.subject)
                plain = orjson.dumps(held.value, default=str)
                self._fields.update({(name, plain): key for name in held.names})
                self._names |= held.names
                text = held.value if isinstance(held.value, str) else plain.decode().strip('"')
                if isinstance(held.value, str) or not isinstance(held.value, bool | int | float):
                    self._note(text, key)

    def recall(self, records: Iterable[Record]) -> None:
        """Take note of what was sealed before the run was interrupted, from its payloads."""
        for record in records:
            if record.payload is not None:
                for text, identity in sealed_values(record.payload.body, self.key_of):
                    key = self.key_of(identity)
                    if key is not None:
                        self._keys[identity] = key
                        self._note(text, key)

    def _key_for(self, subject: str) -> SubjectKey:
        if not subject:
            return self._first
        key = self._by_subject.get(subject)
        if key is None:
            key = self._by_subject[subject] = self._keyring.take(subject)
            self._keys[key.id] = key
        return key

    def _note(self, text: str, key: SubjectKey) -> None:
        if text in self._noted:
            return
        self._noted.add(text)
        # As it stands, and as it stands in JSON that stands in text, as models are asked and answer.
        for spelt in {text, orjson.dumps(text).decode()[1:-1]}:
            if len(spelt) >= SHORT_CHARACTERS and spelt.casefold() not in self._texts:
                self._texts[spelt.casefold()] = key
                self._spotter.learn(spelt.casefold())

    def seal(self, body: bytes) -> bytes:
        """Return a payload as it is recorded."""
        return orjson.dumps(self._sealed(orjson.loads(body), ""))

    def seal_whole(self, body: bytes) -> bytes:
        """Return a payload that is recorded as one sealed value: what came from outside, and nobody declared."""
        return whole(self._first, body)

    def _sealed(self, value: Any, name: str) -> Any:
        match value:
            case str():
                key = self._fields.get((name, orjson.dumps(value))) if name and name in self._names else None
                return self._seal_text(key, value) if key is not None else self._text(value)
            case list():
                return [self._sealed(each, name) for each in cast("list[Any]", value)]
            case dict():
                return {each: self._sealed(inner, each) for each, inner in cast("dict[str, Any]", value).items()}
            case None | bool():
                return value
            case _:
                key = self._fields.get((name, orjson.dumps(value))) if name and name in self._names else None
                return value if key is None else sealed(key, value)

    def _text(self, text: str) -> str:
        inner = self._spotter.replaced(text, lambda found: self._seal_text(self._owner(found), found))
        if len(text) > LONG_CHARACTERS:
            return sealed(self._first, inner, "t")
        return inner

    def _seal_text(self, key: SubjectKey, text: str) -> str:
        """Return what a text stands as; sealing it again would give the same."""
        if len(text) > LONG_CHARACTERS:
            return sealed(key, text)
        found = self._sealed_texts.get((key.id, text))
        if found is None:
            if len(self._sealed_texts) >= _SEALED_TEXTS_MAX:
                self._sealed_texts.clear()
            found = self._sealed_texts[key.id, text] = sealed(key, text)
        return found

    def _owner(self, text: str) -> SubjectKey:
        return self._texts.get(text.casefold(), self._first)

    def masked(self, data: Mapping[str, Any]) -> dict[str, Any]:
        """Return the body of a leaf without personal values in the words that it holds for people."""
        return {name: self._hidden(value) if name in _SPOKEN else value for name, value in data.items()}

    def _hidden(self, value: Any) -> Any:
        match value:
            case str():
                return self._spotter.replaced(value, lambda _: HIDDEN)
            case list():
                return [self._hidden(each) for each in cast("list[Any]", value)]
            case _:
                return value


def vault_for(home: Path, run_id: str, case: object, *, is_shared: bool) -> Vault:
    """Return the vault of a run that begins; keys are made for subjects that have none.

    Args:
        home: whose keys.
        run_id: the run; it stands for the subject where the case names none.
        case: its case.
        is_shared: whether other machines fly the run, too.

    Raises:
        SettingsBroken: other machines do, and the keys would be out of their reach.
        EvidenceUnwritable: a key cannot be made; the run does not begin.

    """
    keyring = keyring_at(home)
    if is_shared and keyring.is_local:
        raise SettingsBroken(
            "GONOGO_JOURNALS is shared by many machines, and the keys of data subjects stand on this one alone; "
            "give GONOGO_SUBJECT_KEYS a Postgres, and every machine the same GONOGO_MASTER_KEY."
        )
    subjects = list(dict.fromkeys(held.subject for held in personal_in(case) if held.subject))
    keys = {subject: keyring.take(subject) for subject in subjects or [f"run:{run_id}"]}
    vault = Vault(keyring, [*keys.values()], run_id, keys)
    vault.learn(case)
    return vault


def vault_again(home: Path, record: Record, run_id: str) -> Vault | None:
    """Return the vault of a run from the first record of it, or of the run that it undoes.

    Args:
        home: whose keys.
        record: what names them.
        run_id: the run: it may begin with the keys of another one, as that which undoes it does.

    Returns:
        ``None`` where the run has none, and where one of its subjects was erased: then it cannot go on.

    """
    names = str(record.fields.get(REFERENCES, ""))
    if not names:
        return None
    keyring = keyring_at(home)
    keys = [keyring.by_id(name) for name in names.split(",")]
    known = [key for key in keys if key is not None]
    return Vault(keyring, known, run_id) if len(known) == len(keys) else None


def whole(key: SubjectKey, body: bytes) -> bytes:
    """Return a payload as one sealed value."""
    return orjson.dumps(sealed(key, orjson.loads(body)))


def sealed_like(keyring: Keyring, record: Record, body: bytes) -> bytes:
    """Return a payload as it is brought to a run: sealed as a whole, where the run seals.

    Raises:
        EvidenceBroken: the run's subject was erased; nothing more is recorded about them.

    """
    names = str(record.fields.get(REFERENCES, ""))
    if not names:
        return body
    key = keyring.by_id(names.partition(",")[0])
    if key is None:
        raise EvidenceBroken(f"The subject of run {record.run_id} was erased; nothing more is recorded about them.")
    return whole(key, body)
