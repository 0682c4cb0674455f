//! Plays a scenario and prints its report: `cargo run -p sim --example lab -- SCENARIO.toml [SEED]`.

use std::{env, error::Error, fs};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = env::args().skip(1);
    let file = arguments.next().ok_or("which scenario? Give a file of src-tauri/crates/sim/scenarios")?;
    let seed = arguments.next().map_or(Ok(1), |seed| seed.parse())?;
    println!("{}", sim::run(&sim::Scenario::parse(&fs::read_to_string(file)?)?, seed)?);
    Ok(())
}
