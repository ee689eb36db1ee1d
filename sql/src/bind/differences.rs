//! What differs between the dialects, row by row.
