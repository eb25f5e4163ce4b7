//! The server, asked over its router and over a real socket, with a store of its own.

mod cases;
mod description;
mod guards;
mod lists;
mod live;
mod story;
mod world;
