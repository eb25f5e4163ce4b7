use super::*;

fn at(second: i64) -> EventTime {
    EventTime::default().plus_ms(1_800_000_000_000 + second * 1_000)
}

fn lookup(second: i64) -> Lookup {
    Lookup {
        subject: 7,
        name: "p1.7".into(),
        reader: second as u32,
        day: (at(second).millis() / 86_400_000) as u16,
        at: at(second),
        event_id: format!("e{second}").into(),
        actor: Some("off-1".into()),
        source_ip: None,
        session: None,
        dataset: "pnr".into(),
        category: None,
        tier: 1,
        records: 1,
        bytes: 0,
        position: 0,
        stream: None,
        group: 5,
        place: None,
    }
}

fn told(partition: i32, reached: i64, idle: bool, seconds: &[i64]) -> Lookups {
    let reached = at(reached);
    let topic = "access".into();
    let (actors, shards, sources) = (100.0, 2, 2);
    let progress = Progress { topic, partition, reached, idle, actors, shards, sources };
    Lookups { progress, lookups: seconds.iter().map(|&second| lookup(second)).collect() }
}

fn due(gathered: &mut Gathered) -> Vec<i64> {
    let next = || gathered.next_due().map(|(lookup, _)| lookup.at.since(at(0)) / 1_000);
    std::iter::from_fn(next).collect()
}

#[test]
fn lookups_count_in_the_order_of_event_time_whoever_is_read_first() {
    let mut gathered = Gathered::default();
    gathered.take(told(0, 0, false, &[]), at(0));
    gathered.take(told(1, 0, false, &[]), at(0));
    gathered.take(told(0, 900, false, &[10, 500, 900]), at(1));
    assert_eq!(due(&mut gathered), [0_i64; 0]);
    gathered.take(told(1, 600, false, &[20, 400]), at(2));
    assert_eq!(due(&mut gathered), [10, 20, 400, 500]);
    // The other has nothing more to read.
    gathered.take(told(1, 600, true, &[]), at(3));
    assert_eq!(due(&mut gathered), [900]);
    assert_eq!(gathered.actors_a_day(), 200.0);
}

#[test]
fn a_source_that_stands_still_does_not_hold_back_the_others_for_ever() {
    let mut gathered = Gathered::default();
    gathered.take(told(1, 0, false, &[]), at(0));
    gathered.take(told(0, 900, false, &[10]), at(30));
    assert_eq!(due(&mut gathered), [0_i64; 0]);
    gathered.take(told(0, 900, false, &[]), at(61));
    assert_eq!(due(&mut gathered), [10]);
}

#[test]
fn nobody_counts_before_every_source_has_been_heard_of() {
    let mut gathered = Gathered::default();
    gathered.take(told(0, 900, true, &[10]), at(0));
    assert_eq!(due(&mut gathered), [0_i64; 0]);
    let mut late = gathered.clone();
    late.take(told(0, 900, true, &[]), at(30));
    late.take(told(0, 900, true, &[]), at(60));
    assert_eq!(due(&mut late), [10]);
    gathered.take(told(1, 500, false, &[5]), at(31));
    assert_eq!(due(&mut gathered), [5, 10]);
}

#[test]
fn after_everything_was_down_all_are_waited_for_anew() {
    let mut gathered = Gathered::default();
    gathered.take(told(0, 900, true, &[]), at(0));
    gathered.take(told(1, 900, true, &[]), at(0));
    gathered.take(told(0, 5_000, false, &[5_000]), at(9_000));
    assert_eq!(due(&mut gathered), [0_i64; 0]);
    gathered.take(told(1, 4_000, false, &[3_000]), at(9_001));
    assert_eq!(due(&mut gathered), [3_000]);
    gathered.take(told(1, 6_000, false, &[]), at(9_002));
    assert_eq!(due(&mut gathered), [5_000]);
}

/// Put, and withdrawn.
#[derive(Default)]
struct Counted(usize, usize);

impl PartSink for Counted {
    fn put<T: Serialize + ?Sized>(&mut self, part: PartKey, _: &T) {
        self.0 += usize::from(part != PartKey::new(HEAD, 0));
    }

    fn withdraw(&mut self, _: PartKey) {
        self.1 += 1;
    }
}

fn saved(gathered: &mut Gathered, arrives: bool) -> (usize, usize) {
    let mut counted = Counted::default();
    let saving = gathered.save(&mut counted);
    if !arrives {
        gathered.save_again(saving);
    }
    (counted.0, counted.1)
}

#[test]
fn a_lookup_that_comes_and_goes_between_two_saves_is_never_saved() {
    let mut gathered = Gathered::default();
    gathered.take(told(1, 0, true, &[]), at(0));
    gathered.take(told(0, 15, false, &[10, 20, 30]), at(0));
    assert_eq!(due(&mut gathered), [10]);
    for arrives in [false, true] {
        assert_eq!(saved(&mut gathered, arrives), (2, 0));
    }
    assert_eq!(saved(&mut gathered, true), (0, 0));
    gathered.take(told(0, 25, false, &[40]), at(1));
    assert_eq!(due(&mut gathered), [20]);
    for arrives in [false, true] {
        assert_eq!(saved(&mut gathered, arrives), (1, 1));
    }
    assert_eq!(saved(&mut gathered, true), (0, 0));
}

#[test]
fn what_is_told_twice_is_held_once_and_reads_back() {
    let mut gathered = Gathered::default();
    gathered.take(told(1, 0, false, &[]), at(0));
    for _ in 0..2 {
        gathered.take(told(0, 900, false, &[10, 20]), at(1));
    }
    assert_eq!(gathered.held(), 2);
    let told = told(0, 900, false, &[10]);
    let again = Lookups::from_bytes(&told.to_bytes().unwrap()).unwrap();
    assert_eq!(again, told);
    let before = postcard::to_extend(&told, vec![WITHOUT_GROUPS]).unwrap();
    let before = Lookups::from_bytes(&before).unwrap();
    assert_eq!((before.lookups[0].group, before.progress), (0, told.progress));
    assert!(matches!(Lookups::from_bytes(&[9, 1]), Err(LookupsError::Version { found: 9 })));
    assert!(matches!(Lookups::from_bytes(&[]), Err(LookupsError::Empty)));
}
