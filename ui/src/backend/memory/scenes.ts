/** Scenes to look at: `npm run dev`, then `?scene=empty`, `one`, `many`, `long`, `rtl`, `syncing`, `indexing`, `crowd`, … */
import type { Failure, NetworkFinding, Person, Post } from "../backend";
import { makePerson, makePost, MemoryBackend, type NearId, type World } from "./memory";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

const ada = makePerson("Ada", "me");
const mirembe = makePerson("Mirembe", "friends", { near: true });
const bo = makePerson("Bo", "friends", { near: true });
const jun = makePerson("Jun Takahashi", "following");
const tove = makePerson("Tove", "followsMe");
const idris = makePerson("Idris", "friendOfFriend");
const kestrel = makePerson("MXUhnRl7vJ", "stranger", { named: false, near: true });
/** Named by themselves, in a look. */
const wren = makePerson("K2mPq0aXs1", "stranger", { named: false, near: true });
const everybody = [mirembe, bo, jun, tove, idris, kestrel, wren];

const descriptions = {
  [ada.id]: "Third house on the harbour street. Tomatoes, tide tables, and a boat that floats on most days.",
  [mirembe.id]: "Keeps the harbour office and its kettle. Ask me about tides, moorings and the *outer wall*.",
  [bo.id]: "Bread, boats, birds.",
};

function level(person: Person): NearId {
  return { id: person.id, callsThemselves: null, flow: { kind: "level" }, slowed: null };
}

const nearThree: NearId[] = [
  { ...level(mirembe), here: true },
  { id: bo.id, callsThemselves: null, flow: { kind: "receiving", messages: 214 }, slowed: null },
  { id: kestrel.id, callsThemselves: "Kestrel", flow: { kind: "connecting" }, slowed: null },
];

/** What strangers near wrote. */
function passing(now: number): Post[] {
  return [
    makePost(wren, "Anybody else on the night ferry? I have **cards** and half a cake. #ferry", now - 7 * MINUTE, { channel: "ferry" }),
    makePost(wren, Array.from({ length: 24 }, (_, at) => `${at + 1}. a line of a very long list`).join("\n"), now - 4 * HOUR),
  ];
}

function harbour(now: number): Post[] {
  const tide = makePost(
    mirembe,
    "Low tide at half past six, the walk along the outer wall is open again. Bring boots, and somebody who knows the third ladder. #harbour",
    now - 12 * MINUTE,
    { channel: "harbour", likes: 4, liked: true, replies: 3 },
  );
  const bread = makePost(
    bo,
    "What is in the box by the church door this week:\n\n- two loaves of **rye**, one with caraway\n- the good string\n- a book about knots, *slightly wet*\n\nTake one thing, leave one thing. The list hangs [inside the lid](https://example.org/box).",
    now - 3 * HOUR,
    { likes: 9, replies: 0 },
  );
  const generator = makePost(
    jun,
    "The generator behind the school runs from six to nine tonight. One socket each, please, and kettles go last.\n\n> If it stops, wait a minute before you pull the cord again.\n\nTurn the lever to `run`, not to `choke`.",
    now - 26 * HOUR,
    { replies: 1, likes: 2 },
  );
  return [
    tide,
    makePost(jun, "The third ladder is the one with the green rung.", now - 11 * MINUTE, { root: tide.id, likes: 1 }),
    makePost(bo, `Count me in. [@Ada](${ada.id}), are you coming too?`, now - 6 * MINUTE, {
      root: tide.id,
      mentions: [{ link: ada.id, name: "Ada" }],
    }),
    makePost(ada, "Yes. I bring the long rope and a flask.", now - 4 * MINUTE, { root: tide.id }),
    bread,
    makePost(jun, "The last chapter explains why the lighthouse keeper lied about the lamp.", now - 7 * HOUR, {
      contentWarning: "Spoilers for the last chapter",
      replies: 0,
    }),
    makePost(ada, "Rain until noon, then wind from the west. The cable to the mainland is still out, and nobody minds much.", now - 9 * HOUR, { likes: 3 }),
    generator,
    makePost(mirembe, "Two sockets, I have a radio that must be charged.", now - 25 * HOUR, { root: generator.id }),
    makePost(idris, "Can somebody lend a hand pump until Sunday? #tools", now - 2 * DAY, { channel: "tools" }),
    makePost(tove, "First post from the blue boat. Hello, harbour!", now - 3 * DAY, { likes: 6 }),
  ];
}

function older(now: number, many: number): Post[] {
  const texts = [
    "The ferry left at nine with eleven people and a goat.",
    "Does anybody still have the key to the net loft?",
    "Swallows are back under the eaves of the customs house.",
    "Soup at ours from seven. Bring a spoon.",
    "Wrote down the songs from last night, ask me for a copy.",
  ];
  const authors = [mirembe, bo, jun, ada, idris];
  return Array.from({ length: many }, (_, at) =>
    makePost(authors[at % 5] as Person, `${texts[(at * 3) % 5]}`, now - 4 * DAY - at * 5 * HOUR, { likes: at % 4 }),
  );
}

const LONG = "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft".repeat(3);

function longWords(now: number): Partial<World> {
  const wordy = makePerson(`Maximiliana ${LONG}`, "friends", { near: true });
  return {
    people: [wordy, bo],
    posts: [
      makePost(wordy, `${LONG}\n\nhttps://example.org/${LONG}/${LONG}`, now - 5 * MINUTE, { channel: LONG.slice(0, 60).toLowerCase() }),
      makePost(bo, `${"W".repeat(3000)}`, now - HOUR),
      makePost(bo, "Z̸̢̛͔̗̤̹̮̲̼͇̹̓̿͛̈́͌̆̕͜͠a̴̡̰̭͔̟̺̓̉̂̆͗͘͝l̷̢̛̩̺̟̦̱̦̍̈́̈̀͑͘͠g̸̨̢̟̣͓̰͂̐̄̍̚͜͝ǫ̵̛̦̞̬̗̼̤̊͂̈́̕ and ‮reversed words‬ stay on their line.", now - 2 * HOUR),
      makePost(bo, Array.from({ length: 60 }, (_, line) => `Line ${line + 1} of a very long post.`).join("\n"), now - 3 * HOUR),
    ],
    near: [level(wordy), level(bo)],
  };
}

function rightToLeft(now: number): Partial<World> {
  const layla = makePerson("ليلى حدّاد", "friends", { near: true });
  const noa = makePerson("נועה בן־דוד", "friends", { near: true });
  const yuki = makePerson("雪子", "following");
  const low = makePost(layla, "الجزر في السادسة والنصف، والممشى على الجدار الخارجي مفتوح من جديد. أحضروا الأحذية العالية. #harbour", now - 12 * MINUTE, {
    channel: "harbour",
    likes: 2,
    replies: 1,
  });
  return {
    people: [layla, noa, yuki],
    posts: [
      low,
      makePost(noa, "אני באה עם Bo, בשעה 18:30.", now - 4 * MINUTE, { root: low.id }),
      makePost(noa, "השפל מתחיל בשש וחצי, והטיילת לאורך החומה פתוחה. מי בא אל הים עם סולם?", now - 26 * MINUTE, { channel: "harbour" }),
      makePost(layla, "البحر هادئ هذا المساء. من يأتي إلى الميناء قبل الجزر؟", now - 40 * MINUTE),
      makePost(noa, "ליד הים, מול המזח, יש קומקום חם וגם לחם של Bo.", now - 3 * HOUR),
      makePost(yuki, "潮が引いたら、外の壁まで歩きましょう。", now - HOUR),
      makePost(bo, "Layla writes ليلى and Noa writes נועה; both in one line.", now - 2 * HOUR),
    ],
    near: [level(layla), { id: noa.id, callsThemselves: null, flow: { kind: "sending", messages: 12 }, slowed: null }],
  };
}

const LOCKED: Failure = {
  code: "busy",
  message: "Another Periwinkle already uses this folder.",
  next: "Close the other window, or start this one with a profile of its own.",
};

const APART: NetworkFinding[] = [
  {
    trouble: "isolated",
    adapter: "wlan0",
    problem: true,
    what: "Nobody at all was heard on wlan0.",
    next: "If others are there, the network keeps devices apart, as guest Wi-Fi often does: use another one, a cable or a phone's hotspot.",
  },
  { trouble: "virtualOnly", adapter: "docker0", problem: false, what: "docker0 was made by a program and leads to nobody near.", next: "Nothing to do, unless it takes all traffic, as some VPNs do: then pause it." },
];

/** One scene by its name; an unknown name is `many`. */
export function scene(name: string, now = Date.now()): MemoryBackend {
  const full: World = {
    me: ada,
    followers: 14,
    people: everybody,
    descriptions,
    posts: [...harbour(now), ...older(now, 120)],
    near: nearThree,
    addresses: ["/ip4/192.168.1.23/udp/42710/quic-v1", "/ip4/192.168.1.23/tcp/42710"],
    answers: { "192.168.7.4:4100": bo.id },
  };
  const alone: World = { me: ada, followers: 0 };
  switch (name) {
    case "welcome":
      return new MemoryBackend({ me: null, people: everybody, near: [level(bo)] });
    case "empty":
      return new MemoryBackend(alone);
    case "stranger":
      return new MemoryBackend({ ...alone, people: [kestrel], near: [nearThree[2] as NearId] });
    case "one":
      return new MemoryBackend({ ...alone, followers: 1, people: [bo], posts: [makePost(bo, "Hello from the bakery.", now - MINUTE)], near: [level(bo)] });
    case "long":
      return new MemoryBackend({ ...full, ...longWords(now) });
    case "rtl":
      return new MemoryBackend({ ...full, ...rightToLeft(now) });
    case "syncing":
      return syncing(full);
    case "indexing":
      return new MemoryBackend({ ...full, indexing: { done: 342_118, total: 1_004_220 }, behind: 662_102 });
    case "crowd":
      return crowd(full, now);
    case "arriving":
      return arriving(full);
    case "rude":
      return new MemoryBackend({
        ...full,
        near: [level(bo), { id: kestrel.id, callsThemselves: "Kestrel", flow: { kind: "level" }, slowed: "it sent too many messages that do not hold" }],
        leftOut: [
          { id: tove.id, callsThemselves: null, reason: "it sent a frame that cannot be read: it ends within a number", secondsLeft: 51 },
          { id: idris.id, callsThemselves: null, reason: "it sent more than this device takes at once", secondsLeft: 3_400 },
        ],
      });
    case "strangers":
      return new MemoryBackend({ ...full, settings: { saysHere: true, showsStrangers: true }, passing: passing(now), near: [...nearThree, { ...level(wren), callsThemselves: "Wren" }] });
    case "apart":
      return new MemoryBackend({ ...full, near: [], findings: APART });
    case "failure":
      return new MemoryBackend({ me: null, failed: LOCKED });
    case "recovering":
      return new MemoryBackend({ ...full, standing: "recovering" });
    case "refused": {
      const backend = new MemoryBackend(full);
      backend.refuseNext = { code: "disk", message: "The post could not be written: the disk is full.", next: "Free some space and publish again; your text is kept." };
      return backend;
    }
    default:
      return new MemoryBackend(full);
  }
}

/** Everything flows, and the first reading told of more. */
function syncing(world: World): MemoryBackend {
  const flows = (received: number): NearId[] => [
    { id: mirembe.id, callsThemselves: null, flow: { kind: "receiving", messages: received }, slowed: null },
    { id: bo.id, callsThemselves: null, flow: { kind: "sending", messages: 12 }, slowed: null },
    { id: kestrel.id, callsThemselves: "Kestrel", flow: { kind: "connecting" }, slowed: null },
  ];
  const backend = new MemoryBackend({ ...world, near: flows(48_210), progress: { done: 1_200, toCome: 48_210, secondsLeft: null } });
  setTimeout(() => backend.setNear(flows(18_432), { done: 30_978, toCome: 18_432, secondsLeft: 94 }), 300);
  return backend;
}

/** Years of posts, and a thread with hundreds of replies of every length. */
function crowd(world: World, now: number): MemoryBackend {
  const root = makePost(bo, "What does everybody bring to the summer fair?", now - DAY, { replies: 600 });
  const replies = Array.from({ length: 600 }, (_, at) =>
    makePost(everybody[at % 5] as Person, "A cake, a chair, and a song. ".repeat(1 + ((at * 7) % 13)), now - DAY + (at + 1) * MINUTE, { root: root.id }),
  );
  return new MemoryBackend({ ...world, posts: [...harbour(now), root, ...replies, ...older(now, 10_000)] });
}

/** Posts arrive while somebody reads. */
function arriving(world: World): MemoryBackend {
  const backend = new MemoryBackend(world);
  setTimeout(() => {
    const texts = ["The kettle is on.", "Seal at the slipway!", "Who took the good string?"];
    for (const text of texts) backend.receive(makePost(bo, text, Date.now()));
  }, 300);
  return backend;
}
