"""Vector stores with files in them that have been read, one chunk for each text, without the processes that read."""

from collections.abc import Mapping

from proxy.retrieval.analysis import terms_of
from proxy.retrieval.lexical import index_words
from proxy.store import Connection, Store, chunks, files, vector_store_files, vector_stores
from tests.builders import a_file, a_store, an_entry

FOODS = {
    "foods.txt": ["What people like to eat. Filippa: cake. Odo: soup."],
    "rivers.txt": ["The Rhine flows through Basel.", "The Danube flows through Vienna and Budapest."],
}


async def a_shelf(store: Store, project: str, texts: Mapping[str, list[str]] = FOODS, **given: object) -> str:
    """A store that has these files by name; its id. What is `given` is of the store."""
    shelf = a_store(**given)
    await store.write(lambda db: vector_stores.insert_store(db, project, shelf))
    for name, passages in texts.items():
        await put(store, project, shelf.id, name)
        await read(store, project, shelf.id, name, passages)
    return shelf.id


async def put(store: Store, project: str, shelf: str, name: str) -> None:
    """A file that is not read yet."""
    file = a_file(id=file_id(name), filename=name)

    async def save(db: Connection) -> None:
        if not await files.find_files(db, project, [file.id], now=file.created_at):
            await files.insert_file(db, project, file, sha256="")
        await vector_store_files.attach_files(db, project, shelf, [an_entry(shelf, id=file.id)])

    await store.write(save)


async def read(store: Store, project: str, shelf: str, name: str, passages: list[str]) -> None:
    """What comes of reading it."""

    async def save(db: Connection) -> None:
        entry = await vector_store_files.find_entry(db, project, shelf, file_id(name))
        key = await chunks.store_key(db, project, shelf)
        assert entry is not None
        assert key is not None
        number = await chunks.begin_set(db, entry.seq)
        assert number is not None
        new = [
            chunks.NewChunk(text=text, repeated=0, terms=index_words(key, list(terms_of(text)))) for text in passages
        ]
        await chunks.write_chunks(db, number, new, place=0)
        await chunks.complete_set(db, number)
        await vector_store_files.end_entry(db, entry.seq, status="completed", usage_bytes=10)

    await store.write(save)


def file_id(name: str) -> str:
    return f"file-{name.encode().hex():.22}"
