use super::mesh::{Mesh, connected};
use crate::LinkId;
use std::collections::BTreeMap;

#[test]
fn tuning() {
    for seed in [1, 2] {
        let mut mesh = Mesh::new(100, seed);
        mesh.everyone_wants_everything();
        let edges = mesh.regular(5);
        let mut joined: BTreeMap<LinkId, (usize, usize)> = BTreeMap::new();
        for (a, b) in edges {
            let delay = 5000 + mesh.random(45_000);
            joined.insert(mesh.join(a, b, delay), (a, b));
        }
        mesh.run_for(5000);
        println!("setup {:?}", mesh.take_traffic());
        let mut show = |mesh: &mut Mesh, name: &str| {
            let t = mesh.take_traffic();
            let mut l = std::mem::take(&mut mesh.latencies);
            l.sort();
            println!(
                "{name}: payload/opt {:.4} notes/del {:.3} noteframes/del {:.3} levels/del {:.3} delivered {} p50 {} p99 {} max {}",
                t.payload as f64 / t.delivered as f64,
                t.notes as f64 / t.delivered as f64,
                t.note_frames as f64 / t.delivered as f64,
                t.levels as f64 / t.delivered as f64,
                t.delivered,
                l[l.len() / 2],
                l[l.len() * 99 / 100],
                l[l.len() - 1]
            );
        };
        for message in 1..=1000 {
            let by = mesh.random(100) as usize;
            mesh.publish(by);
            mesh.run_for(400);
            if message == 250 {
                show(&mut mesh, "1-250");
            }
            if message == 500 {
                show(&mut mesh, "251-500");
                let mut cut = 0;
                let total = joined.len();
                while cut < total / 10 {
                    let all: Vec<_> = joined.keys().copied().collect();
                    let pick = all[mesh.random(all.len() as u64) as usize];
                    let mut left = joined.clone();
                    left.remove(&pick);
                    if connected(100, &left.values().copied().collect::<Vec<_>>()) {
                        mesh.cut(pick);
                        joined = left;
                        cut += 1;
                    }
                }
            }
            if message == 750 {
                show(&mut mesh, "501-750");
            }
        }
        show(&mut mesh, "751-1000");
        mesh.run_until_quiet();
        println!("quiet {:?}", mesh.take_traffic());
        mesh.assert_level();
    }
}
