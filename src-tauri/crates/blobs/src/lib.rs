//! IO: files named by their content.
