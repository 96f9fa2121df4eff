//! Configuration by properties: every key of the table does what its row says, the page on it shows the table, and files
//! that other clients are given make clients that work.

mod document;
mod files;
mod secured;
mod table;
mod world;
