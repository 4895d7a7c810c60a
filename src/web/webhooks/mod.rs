//! What carriers call. A request is verified over its raw bytes and the URL that the carrier
//! called, stored, and only then answered.

pub mod carriers;
mod judge;
pub mod phone;
pub mod played;
pub mod told;

pub use judge::unknown_path;
