//! The server, asked over its router and over a real socket, with a store of its own.

mod budget;
mod cases;
mod description;
mod duties;
mod exceptions;
mod guards;
mod lists;
mod live;
mod past;
mod silences;
mod story;
mod world;
