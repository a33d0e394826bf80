//! What a PostgreSQL server, its network and other processes at it can do to us.

mod answers;
mod pooler;
mod proxy;
mod starts;
mod stopped;
