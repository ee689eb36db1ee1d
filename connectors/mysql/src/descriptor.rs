//! Names, options and meaning of MySQL tables; no client.

mod jdbc;
mod mysql;
mod postgre;
mod rds;
mod url;

pub use jdbc::{Jdbc, JdbcOptions};
pub use mysql::{MySql, MySqlOptions};
pub use postgre::Postgre;
pub use rds::{Rds, RdsOptions};

#[cfg(test)]
mod tests;
