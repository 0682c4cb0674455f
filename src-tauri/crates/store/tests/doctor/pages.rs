//! Bytes flipped on pages of the database file, and files that are no database any more.
