//! One test a row of the option tables.
