//! Answer codes of the API: number, message, where they are raised.
