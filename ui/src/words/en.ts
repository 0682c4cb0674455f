/**
 * Every word the window shows, in English. A template's `{name}` marks where a part puts a name or a link;
 * functions choose between one and many.
 */
const whole = new Intl.NumberFormat("en");

/** `1,234`. */
export function figure(value: number): string {
  return whole.format(value);
}

function many(count: number, one: string, other: string): string {
  return (count === 1 ? one : other).replace("#", figure(count));
}

const SMALL = ["No", "One", "Two", "Three", "Four", "Five", "Six", "Seven", "Eight", "Nine", "Ten", "Eleven", "Twelve"];

/** A number at the beginning of a sentence: in letters up to twelve. */
function spelled(count: number): string {
  return SMALL[count] ?? figure(count);
}

function size(bytes: number): string {
  if (bytes < 1_000) return many(bytes, "# byte", "# bytes");
  if (bytes < 1_000_000) return `${figure(Math.round(bytes / 1_000))} kB`;
  return `${(bytes / 1_000_000).toFixed(bytes < 10_000_000 ? 1 : 0)} MB`;
}

export const words = {
  app: "Periwinkle",
  unknownFailure: {
    message: "Something went wrong inside Periwinkle.",
    next: "Try again. If it stays so, close the window and open it anew; nothing that was published is lost.",
  },

  welcome: {
    title: "Welcome to Periwinkle",
    lead: "For people in one place: a house, a boat, a school, a village. It needs no server and no internet.",
    name: "What do people call you?",
    nameHint: "You can change it later.",
    begin: "Begin",
    beginning: "Getting ready…",
    truths: [
      { title: "It is yours", text: "Everything you read and write stays on this computer and works offline." },
      { title: "It spreads through friends", text: "Your posts travel when people meet on the same network, and friends carry them on." },
      { title: "Published is published", text: "What others have received cannot be taken back. Write as on paper." },
    ],
  },

  rail: { label: "Main", timeline: "Timeline", nearby: "Nearby", search: "Search", me: "You", someoneNear: "people are near" },

  timeline: {
    title: "Timeline",
    filters: "Which posts",
    following: "Following",
    friends: "Friends of friends",
    nearby: "Nearby",
    all: "Everything here",
    channel: (name: string) => `#${name}`,
    newPosts: (count: number) => many(count, "1 new post", "# new posts"),
    posts: "Posts",
    older: "Reading older posts…",
    unread: "This could not be read.",
    again: "Try again",
    end: "That is everything stored here.",
    endPerson: "These are all their posts that are stored here.",
    strangers: {
      label: "Show what strangers nearby write",
      does: "Your device asks theirs, and they can tell. Nothing of it is kept.",
    },
    empty: {
      following: { title: "A quiet shore", text: "Posts of people you follow wash up here. Until then it is a fine place for a diary: whoever follows you later can read it.", next: "See who is near" },
      friends: { title: "Nothing from their friends yet", text: "This shows what people you follow wrote, and the people those follow. It comes when somebody who has it is near.", next: "See who is near" },
      nearby: { title: "Nothing from here yet", text: "This shows what the people on this network wrote, as far as it is stored here.", next: "See who is near" },
      all: { title: "Nothing is stored here yet", text: "Every post on this computer shows up here, whoever wrote it.", next: "See who is near" },
      channel: { title: "Nobody has written to this channel yet", text: "Posts to it show up here when they arrive.", next: "Write the first one" },
      person: { title: "No posts here yet", text: "Their posts arrive when somebody who has them is near.", next: "See who is near" },
      me: { title: "You have not written yet", text: "Your posts gather here.", next: "Write the first one" },
    },
  },

  composer: {
    label: "Write a post",
    placeholder: "What is going on around here?",
    placeholderAlone: "Dear diary…",
    publish: (followers: number) =>
      followers === 0 ? "Publish to your diary" : many(followers, "Publish to 1 follower", "Publish to # followers"),
    publishing: "Publishing…",
    diary: "Stays with you until somebody follows.",
    public: "Public, and cannot be taken back.",
    left: (units: number) => many(units, "1 character left", "# characters left"),
    over: (units: number) => many(units, "1 character too many", "# characters too many"),
    channel: "Channel",
    addChannel: "Post to a channel",
    channelPlaceholder: "channel",
    removeChannel: "Post to no channel",
    keys: "Ctrl + Enter publishes",
    preview: "Preview",
    previewKeys: "Preview (Ctrl + Shift + P)",
    write: "Write on",
    published: "Published.",
    recovering: "Publishing waits until your own missing posts have arrived.",
  },

  reply: {
    label: "Write a reply",
    publish: "Reply",
    publishing: "Replying…",
    to: "Answering {name}",
    toRoot: "Answer the first post instead",
    cancel: "Close",
  },

  post: {
    replied: "{name} replied",
    youReplied: "You replied",
    like: "Like",
    unlike: "Take your like back",
    likes: (count: number) => many(count, "1 like", "# likes"),
    reply: "Reply",
    replies: (count: number) => many(count, "1 reply", "# replies"),
    earlier: (count: number) => many(count, "1 earlier reply", "# earlier replies"),
    readOn: "Read on",
    onNetwork: "on this network",
    passing: "A stranger who is near wrote this. It is not kept here.",
    partOf: "Part of a thread whose beginning has not arrived",
    warning: "Warning",
    show: "Show",
    hide: "Fold away",
    picture: "Picture",
    pictureOf: (alt: string) => `Picture: ${alt}`,
    by: (name: string) => `Post by ${name}`,
  },

  thread: {
    title: "Thread",
    back: "Back",
    missing: "A post is missing here",
    missingText: "Others answer it, but it has not arrived. It fills in by itself when somebody near has it.",
    notHere: "This thread is not stored here",
    notHereText: "It appears by itself when somebody near has it.",
  },

  person: {
    relation: {
      me: "This is you",
      friends: "You follow each other",
      following: "You follow them",
      followsMe: "They follow you",
      friendOfFriend: "Followed by somebody you follow",
      blocked: "You blocked them",
      stranger: "You have not met",
    },
    near: "on this network now",
    callsThemselves: "calls themselves",
    follow: "Follow",
    followBack: "Follow back",
    unfollow: "Unfollow",
    followExplains: "Following fetches their posts from whoever carries them, and passes them on. Everybody can see whom you follow.",
    unfollowExplains: "Unfollowing fetches nothing new. What is stored here stays, and everybody can see that you unfollowed.",
    muteOrBlock: "Mute or block",
    blockOnly: "Block",
    mute: "Mute",
    muteDoes: "Their posts leave your timelines, threads and news; this page and searches still show them. Only this device knows, and their posts still travel through you.",
    unmute: "Unmute",
    unmuteDoes: "You have muted them. Their posts come back to your timelines.",
    block: "Block…",
    blockDoes: "Nothing flows between you and them any more. You choose whether others can know.",
    blocking: {
      title: "Block {name}?",
      how: "Who can know of it",
      private: "In private",
      privateDoes:
        "Nothing flows between you and them from now on, and what is stored of them is hidden. Only this device knows; but that nothing flows can be noticed. If only your key and your posts are left one day, the block is gone.",
      public: "In public",
      publicDoes: "The same, and everybody can read that you block them. That stands in your history for good, also when you unblock them.",
      privateNow: "Block in private",
      publicNow: "Block in public",
    },
    unblock: "Unblock",
    unblockDoes: "They may meet you again, and get what you write. Nobody was told that you block them.",
    unblockPublicDoes: "They may meet you again, and get what you write. Everybody can see that you unblocked them.",
    blocked: { public: "You block them, and everybody can read it.", private: "You block them. Only this device knows." },
    blockedPosts: "What is stored of them is hidden while you block them.",
    muted: "muted",
    look: {
      title: "What somebody near has of them",
      look: "Look what is near",
      does: "Asks those near who may have their posts. What comes is shown here and not stored; whoever is asked learns that you look.",
      looking: "Looking…",
      older: "Older posts",
      from: "As {name} has them. Nothing of this is stored here.",
      nothing: "No posts among what they have.",
    },
    third: "Followed by somebody whom friends of yours follow",
    follows: "Follows",
    followers: "Followed by",
    stored: "Stored here",
    messages: (count: number, bytes: number) => `${many(count, "1 message", "# messages")}, ${size(bytes)}`,
    titleMe: "You",
    title: "Person",
    followedBy: "Followed by {names}",
    and: " and ",
    comma: ", ",
    forked: "Their history split in two, so nothing newer is taken in. They may have restored an old copy; ask them.",
    edit: "Edit",
    editTitle: "How others see you",
    name: "Name",
    description: "About you",
    descriptionHint: "A line or two. Everybody who meets you can read it.",
    save: "Publish the change",
    saving: "Publishing…",
    cancel: "Cancel",
    copyId: "Copy id",
    copied: "Copied",
    posts: "Posts",
    notHere: "Nothing is stored here about this person",
  },

  nearby: {
    title: "Nearby",
    aside: "People near",
    next: "Next",
    flow: {
      connecting: "saying hello",
      level: "level with you",
      receiving: (count: number) => many(count, "sending you 1 post", "sending you # posts"),
      sending: (count: number) => many(count, "getting 1 post from you", "getting # posts from you"),
      stranger: "not met yet",
    },
    here: "here now",
    saysHere: { label: "Say when I am here", does: "Those near see whether you use this window." },
    headline: {
      nobody: "Nobody is near",
      people: (count: number) => (count === 1 ? "One person is near" : `${spelled(count)} people are near`),
      friend: "{name} is near",
    },
    lead: {
      nobody: "Nobody else on this network has Periwinkle open right now.",
      friends: (count: number) => (count === 1 ? "You follow them." : count === 2 ? "You follow both." : "You follow all of them."),
      strangers: (count: number) => (count === 1 ? "You have not met yet." : "You have not met any of them yet."),
      mixed: (known: number, unknown: number) =>
        `${spelled(known)} you follow, ${spelled(unknown).toLowerCase()} you ${unknown === 1 ? "have" : "have"} not met.`,
      level: "Everything is level.",
      flowing: (count: number) => many(count, "1 post is on its way to you.", "# posts are on their way to you."),
    },
    step: {
      nobody: "Ask somebody here to open Periwinkle on the same network. A guest Wi-Fi or a VPN can keep devices apart.",
      stranger: "Ask {name} whether that is them, then follow each other: from then on your posts travel both ways.",
      followBack: "{name} follows you. Follow back, and posts travel both ways.",
      friends: "Nothing to do. What you write now reaches them at once.",
      flowing: "Stay near for a little while. You can read and write meanwhile.",
    },
    addresses: "Where this computer can be reached",
    addressesHint: "Is somebody near but not seen? Compare the first three numbers with theirs: they should be the same. Or let them type this under “Link by address”.",
    slowed: "Listened to slowly:",
    self: "How others see you",
    selfHint: "People you have not met see the name you gave. Whoever follows you gets your posts.",
    fullAddresses: "All of them, as programs write them",
    noAddresses: "This computer is on no network.",
    progress: (name: string) => `Posts arriving from ${name}`,
    showAll: "Open Nearby",
  },

  leftOut: {
    title: "Left out for now",
    lead: "A device that breaks the rules is let in again after a while. Tell its person if it is somebody you know.",
    left: (seconds: number) => (seconds < 90 ? "Back within a minute or so." : seconds < 3_000 ? many(Math.ceil(seconds / 60), "Back in 1 minute.", "Back in # minutes.") : "Back in about an hour."),
  },

  byAddress: {
    title: "Link by address",
    lead: "For somebody who is not found by themselves. Their window shows the address, under Nearby.",
    label: "Address and port of the other device",
    connect: "Link",
    connecting: "Linking…",
    linked: (name: string) => `Linked with ${name}.`,
    somebody: "somebody you have not met",
    kept: "Addresses that are dialled whenever nobody there is linked",
    isLinked: "linked",
    isNotLinked: "not there now",
    forget: "Forget",
    forgetThis: (address: string) => `Forget ${address}`,
  },

  networkCheck: {
    title: "Is somebody missing?",
    lead: "Periwinkle can look what keeps you apart.",
    listening: "Listening on every adapter, and asking the people who are linked…",
    check: "Check the network",
    checking: "Checking…",
    again: "Check again",
    problem: "Something is wrong:",
    fine: "All right:",
    done: (problems: number) => (problems === 0 ? "The network is all right." : many(problems, "1 thing is wrong.", "# things are wrong.")),
  },

  catchingUp: {
    title: "Catching up",
    with: (names: string[]) =>
      names.length === 0
        ? "Catching up"
        : names.length === 1
          ? `Catching up with ${names[0]}`
          : names.length === 2
            ? `Catching up with ${names[0]} and ${names[1]}`
            : `Catching up with ${names[0]} and ${names.length - 1} others`,
    figures: (done: number, toCome: number) => `${many(done, "1 message is here", "# messages are here")}, ${figure(toCome)} to come.`,
    left: (seconds: number | null) =>
      seconds === null
        ? ""
        : seconds < 15
          ? "a few seconds"
          : seconds < 50
            ? "less than a minute"
            : seconds < 90
              ? "about a minute"
              : seconds < 5_400
                ? `about ${Math.ceil(seconds / 60)} minutes`
                : `about ${Math.ceil(seconds / 3_600)} hours`,
    began: (left: string) => (left ? `Catching up, ${left}.` : "Catching up."),
    done: "Everything has arrived.",
    indexingTitle: "Putting everything in order",
    indexing: (done: number, total: number) => `${figure(done)} of ${many(total, "1 message", "# messages")}. Posts show up bit by bit.`,
  },

  search: {
    title: "Search everything stored here",
    placeholder: "Search",
    key: "Ctrl K",
    clear: "Clear",
    narrow: "Narrow it down",
    order: "In which order",
    orders: { newest: "Newest", best: "Best" },
    from: "From",
    anyone: "anyone",
    anybody: "From anyone again",
    channel: "Channel",
    any: "any",
    when: "Written",
    spans: { 0: "Any time", 1: "Past day", 7: "Past week", 30: "Past month", 365: "Past year" } as Record<number, string>,
    people: "People",
    onlyTheirs: "Only their posts",
    results: "Posts that were found",
    reply: "in a thread",
    folded: "What was found is behind this warning.",
    open: { thread: "Open the post you pasted", person: "Open the person you pasted" },
    found: (count: number, more: boolean) =>
      count === 0 ? "Nothing found" : `${many(count, "1 post found", "# posts found")}${more ? ", and more" : ""}`,
    end: "That is everything that was found.",
    endSoFar: "That is everything found so far.",
    endBest: "These are the best of the newest matches.",
    behind: (count: number) => `${many(count, "1 message is", "# messages are")} not searchable yet; more may turn up.`,
    begin: {
      title: "What are you looking for?",
      text: "Words, people, channels, or an id somebody gave you. Everything stored on this computer is searched, and nothing leaves it.",
      ways: [
        { say: "low tide", finds: "posts with both words" },
        { say: "\"low tide\"", finds: "exactly these words" },
        { say: "tide -ferry", finds: "one word without the other" },
        { say: "#harbour", finds: "a channel" },
        { say: "from:Mirembe", finds: "what one person wrote" },
        { say: "after:2026-10", finds: "what is not older than that" },
      ],
    },
    nothing: {
      title: "Nothing found",
      text: "Perhaps fewer words, or another spelling? Only what is stored on this computer is searched: posts arrive when somebody who has them is near.",
      narrowed: "Nothing within these limits. There may be more without them.",
      widen: "Search without limits",
    },
    noScreen: "Stored here, but no post",
    notHere: {
      title: "This is not stored here",
      text: "The id is fine, but nothing here belongs to it yet. It may arrive when somebody who has it comes near.",
    },
  },

  recovering: {
    title: "Some of your own posts are missing here",
    text: "Reading works. Publishing waits until they arrive, so that your history cannot split.",
    next: "Stay near somebody who follows you.",
  },

  failed: { title: "Periwinkle could not open", again: "Try again", trying: "Trying…" },

  link: {
    title: "This leaves Periwinkle",
    text: "The address below is on the internet. Whoever runs it will see that you came.",
    host: "Goes to",
    mail: "Writes to",
    address: "The whole address",
    copy: "Copy the address",
    copied: "Copied. Paste it into a browser.",
    copyFailed: "Select the address and copy it with Ctrl + C.",
    stay: "Stay here",
  },

  keys: {
    title: "Keys",
    open: "Keys of this window",
    or: "or",
    close: "Close",
    groups: [
      {
        title: "Among posts",
        keys: [
          { keys: ["j", "k"], does: "To the next post, or the one before" },
          { keys: ["Enter"], does: "Open its thread" },
          { keys: ["r"], does: "Reply to it" },
          { keys: ["l"], does: "Like it, or no more" },
          { keys: ["."], does: "Show the posts that are new" },
        ],
      },
      {
        title: "While you write",
        keys: [
          { keys: ["Ctrl + Enter"], does: "Publish" },
          { keys: ["Ctrl + Shift + P"], does: "See it as others will, or write on" },
          { keys: ["Esc"], does: "Leave the text as it is" },
        ],
      },
      {
        title: "Everywhere",
        keys: [
          { keys: ["/", "Ctrl + K"], does: "Search" },
          { keys: ["Esc"], does: "Back to where you came from" },
          { keys: ["?"], does: "Show these keys" },
        ],
      },
    ],
  },

  toast: { dismiss: "Dismiss", region: "Messages" },

  time: {
    now: "just now",
    minutes: (count: number) => many(count, "1 minute ago", "# minutes ago"),
    hours: (count: number) => many(count, "1 hour ago", "# hours ago"),
    yesterday: "yesterday",
    days: (count: number) => many(count, "1 day ago", "# days ago"),
    unknown: "at an unknown time",
    locale: "en",
  },
} as const;
