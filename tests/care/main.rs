//! Care of a person's data, with real processes: folders of earlier versions open, and whatever stands in the way is named, with what
//! to do about it, loses nothing that was acknowledged, and leaves a folder that opens once it is gone.

mod disks;
mod doctor;
mod earlier;
mod files;
mod people;
#[path = "../nodes/peri.rs"]
#[allow(dead_code)] // Shared with `tests/nodes`, which uses all of it.
mod peri;
