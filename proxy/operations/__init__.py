"""The operations of the API, one async function each, named after the specification's operationId; no HTTP here."""
