/** The whole window over the world in memory: what a person does, and what they then see. */
import { fireEvent, render, screen, waitFor, within } from "@testing-library/svelte";
import { describe, expect, it, vi } from "vitest";
import App from "./App.svelte";
import { makePerson, makePost, MemoryBackend, type World } from "./backend/memory/memory";
import { scene } from "./backend/memory/scenes";
import { to } from "./state/route.svelte";

const ada = makePerson("Ada", "me");
const bo = makePerson("Bo", "friends");

function open(world: Partial<World> = {}, hash = ""): MemoryBackend {
  history.replaceState(null, "", `/${hash}`);
  const backend = new MemoryBackend({ me: ada, followers: 14, people: [bo], ...world });
  render(App, { backend });
  return backend;
}

const field = () => screen.findByTestId<HTMLTextAreaElement>("composer-text");

describe("welcome", () => {
  it("asks for a name and opens the timeline", async () => {
    const backend = new MemoryBackend({ me: null });
    render(App, { backend });
    await fireEvent.input(await screen.findByTestId("welcome-name"), { target: { value: "  Ada " } });
    await fireEvent.click(screen.getByTestId("welcome-begin"));
    expect(await screen.findByTestId("rail-timeline")).toBeTruthy();
    expect((await backend.startState()).kind).toBe("ready");
  });
});

describe("a node that comes to a stop", () => {
  it("is said in place of a window that would show what is no longer so", async () => {
    const backend = open();
    await screen.findByTestId("rail-timeline");
    backend.breakDown({ code: "internal", message: "The node came to a stop.", next: "Start it again." });
    expect((await screen.findByRole("alert")).textContent).toContain("Start it again.");
  });
});

describe("the composer", () => {
  it("names its audience in the button", async () => {
    open();
    expect((await screen.findByTestId("composer-publish")).textContent).toContain("Publish to 14 followers");
  });

  it("calls it a diary while nobody follows", async () => {
    open({ followers: 0 });
    expect((await screen.findByTestId("composer-publish")).textContent).toContain("Publish to your diary");
  });

  it("publishes with Ctrl and Enter, shows the post and empties itself", async () => {
    const backend = open();
    await fireEvent.input(await field(), { target: { value: "Hello, harbour" } });
    await fireEvent.keyDown(await field(), { key: "Enter", ctrlKey: true });
    expect((await screen.findByTestId("card")).textContent).toContain("Hello, harbour");
    expect(backend.published).toEqual([{ text: "Hello, harbour", replyTo: null, channel: null }]);
    expect((await field()).value).toBe("");
    expect(localStorage.length).toBe(0);
  });

  it("shows the text as others will see it, and publishes it from there", async () => {
    const backend = open();
    expect(screen.queryByTestId("composer-look")).toBeNull();
    await fireEvent.input(await field(), { target: { value: "It is *low* water" } });
    await fireEvent.keyDown(await field(), { key: "P", ctrlKey: true, shiftKey: true });
    const preview = await screen.findByTestId("composer-preview");
    expect(preview.querySelector("em")?.textContent).toBe("low");
    expect((await field()).hidden).toBe(true);
    await waitFor(() => expect(document.activeElement).toBe(preview));
    await fireEvent.keyDown(preview, { key: "Escape" });
    await waitFor(async () => expect(document.activeElement).toBe(await field()));
    expect(screen.queryByTestId("composer-preview")).toBeNull();
    expect((await field()).value).toBe("It is *low* water");
    await fireEvent.click(screen.getByTestId("composer-look"));
    await fireEvent.keyDown(await screen.findByTestId("composer-preview"), { key: "Enter", ctrlKey: true });
    expect((await screen.findByTestId("card")).textContent).toContain("It is low water");
    expect(backend.published).toHaveLength(1);
    expect((await field()).hidden).toBe(false);
    await waitFor(async () => expect(document.activeElement).toBe(await field()));
  });

  it("takes no letter for a key of the window while somebody looks at what they write, and asks for no picture", async () => {
    open({ posts: [makePost(bo, "old", 1_000)] });
    await screen.findByText("old");
    await fireEvent.input(await field(), { target: { value: `![a boat](&${"A".repeat(43)}=.sha256)` } });
    await fireEvent.click(screen.getByTestId("composer-look"));
    const preview = await screen.findByTestId("composer-preview");
    expect(preview.querySelector("img")).toBeNull();
    expect(preview.textContent).toContain("a boat");
    await fireEvent.keyDown(preview, { key: "/" });
    await fireEvent.keyDown(preview, { key: "j" });
    expect(document.activeElement).toBe(preview);
    expect(screen.queryByTestId("search-text")).toBeNull();
  });

  it("keeps the draft across a crash", async () => {
    open();
    await fireEvent.input(await field(), { target: { value: "half a thou" } });
    await waitFor(() => expect(localStorage.length).toBe(1));
    document.body.replaceChildren();
    open();
    expect((await field()).value).toBe("half a thou");
  });

  it("keeps the text and says what to do when publishing fails", async () => {
    const backend = open();
    backend.refuseNext = { code: "disk", message: "The disk is full.", next: "Free some space and publish again." };
    await fireEvent.input(await field(), { target: { value: "Hello" } });
    await fireEvent.click(screen.getByTestId("composer-publish"));
    const toast = await screen.findByTestId("toast");
    expect(toast.textContent).toContain("The disk is full. Free some space and publish again.");
    expect((await field()).value).toBe("Hello");
  });

  it("says how much room is left near the limit, and does not publish beyond it", async () => {
    const backend = open();
    await fireEvent.input(await field(), { target: { value: "x".repeat(7_000) } });
    expect(await screen.findByText("492 characters left")).toBeTruthy();
    await fireEvent.input(await field(), { target: { value: "x".repeat(7_500) } });
    expect(await screen.findByText("8 characters too many")).toBeTruthy();
    await fireEvent.keyDown(await field(), { key: "Enter", ctrlKey: true });
    expect(backend.published).toEqual([]);
  });

  it("waits while one's own posts are missing", async () => {
    open({ standing: "recovering" });
    expect(await screen.findByTestId("recovering")).toBeTruthy();
    await fireEvent.input(await field(), { target: { value: "Hello" } });
    expect(screen.getByTestId<HTMLButtonElement>("composer-publish").disabled).toBe(true);
  });
});

describe("the keys", () => {
  it("are all listed by the question mark, but not for one who writes it, and go with Escape", async () => {
    open({ posts: [makePost(bo, "old", 1_000)] });
    await screen.findByText("old");
    await fireEvent.keyDown(await field(), { key: "?" });
    expect(screen.queryByTestId("keys")).toBeNull();
    await fireEvent.keyDown(document.body, { key: "?" });
    const sheet = await screen.findByTestId<HTMLDialogElement>("keys");
    expect(sheet.open).toBe(true);
    expect([...sheet.querySelectorAll("kbd")].map((key) => key.textContent)).toEqual(expect.arrayContaining(["j", "k", "r", "l", ".", "/", "?", "Ctrl + Enter"]));
    await fireEvent.keyDown(document.body, { key: "/" });
    expect(screen.queryByTestId("search-text")).toBeNull();
    await fireEvent.click(within(sheet).getByRole("button", { name: "Close" }));
    await waitFor(() => expect(screen.queryByTestId("keys")).toBeNull());
    await fireEvent.click(screen.getByTestId("rail-keys"));
    expect(await screen.findByTestId("keys")).toBeTruthy();
  });
});

describe("the timeline", () => {
  it("offers what arrived in a pill, tells screen readers, and shows it when asked", async () => {
    const backend = open({ posts: [makePost(bo, "old", 1_000)] });
    await screen.findByText("old");
    backend.receive(makePost(bo, "new", 2_000));
    const pill = await screen.findByTestId("new-pill");
    expect(pill.textContent).toContain("1 new post");
    expect(screen.queryByText("new")).toBeNull();
    expect(document.querySelector("[aria-live=polite].unseen")?.textContent).toBe("1 new post");
    await fireEvent.click(pill);
    expect(await screen.findByText("new")).toBeTruthy();
    expect(screen.queryByTestId("new-pill")).toBeNull();
  });

  it("says why a card stands where it stands", async () => {
    const root = makePost(ada, "question", 1_000, { replies: 1 });
    open({ posts: [root, makePost(bo, "answer", 2_000, { root: root.id })] });
    expect((await screen.findByTestId("card")).textContent?.replace(/\s+/g, " ")).toContain("Bo replied");
  });

  it("folds a post behind its warning", async () => {
    open({ posts: [makePost(bo, "the keeper lied", 1_000, { contentWarning: "Spoilers" })] });
    expect(await screen.findByText("Spoilers")).toBeTruthy();
    expect(screen.queryByText("the keeper lied")).toBeNull();
    await fireEvent.click(screen.getByRole("button", { name: "Show" }));
    expect(screen.getByText("the keeper lied")).toBeTruthy();
  });

  it("has one next step when it is empty", async () => {
    open();
    await fireEvent.click(await screen.findByRole("button", { name: "See who is near" }));
    expect(await screen.findByText("Nobody is near")).toBeTruthy();
  });

  it("is walked with j and k, and r answers", async () => {
    const backend = open({ posts: [makePost(bo, "second", 1_000), makePost(bo, "first", 2_000)] });
    await screen.findByText("first");
    const cards = screen.getAllByTestId("card");
    // jsdom lays nothing out: begin from the first card by hand.
    cards[0]?.focus();
    await fireEvent.keyDown(window, { key: "j" });
    expect(document.activeElement).toBe(cards[1]);
    await fireEvent.keyDown(window, { key: "k" });
    expect(document.activeElement).toBe(cards[0]);
    await fireEvent.keyDown(window, { key: "r" });
    await fireEvent.input(await screen.findByTestId("reply-text"), { target: { value: "yes" } });
    await fireEvent.click(screen.getByTestId("reply-publish"));
    await waitFor(() => expect(backend.published).toMatchObject([{ text: "yes", replyTo: cards[0]?.dataset.id }]));
  });
});

describe("a thread", () => {
  it("shows a gap, fills it when the post arrives, and adds replies at the end", async () => {
    const root = makePost(bo, "the question", 1_000);
    const answer = makePost(bo, "an answer", 2_000, { root: root.id });
    const backend = open({ posts: [answer] }, to.thread(answer.id));
    expect(await screen.findByText(/A post is missing here/)).toBeTruthy();
    backend.receive(root);
    expect(await screen.findByText("the question")).toBeTruthy();
    backend.receive(makePost(bo, "one more", 3_000, { root: root.id }));
    await screen.findByText("one more");
    expect(screen.getAllByTestId("card").map((card) => card.dataset.id).slice(0, 2)).toEqual([root.id, answer.id]);
  });

  it("answers the first post, or the one that was chosen", async () => {
    const root = makePost(bo, "question", 1_000);
    const answer = makePost(bo, "answer", 2_000, { root: root.id });
    const backend = open({ posts: [root, answer] }, to.thread(root.id));
    const entries = await screen.findAllByTestId("card");
    await fireEvent.click(within(entries[1] as HTMLElement).getByRole("button", { name: "Reply" }));
    await fireEvent.input(screen.getByTestId("reply-text"), { target: { value: "to you" } });
    await fireEvent.click(screen.getByTestId("reply-publish"));
    await waitFor(() => expect(backend.published).toMatchObject([{ replyTo: answer.id }]));
  });

  it("lets one go on writing to another post, and leaves the keyboard in what is looked at for the same one", async () => {
    const root = makePost(bo, "question", 1_000);
    const answer = makePost(bo, "answer", 2_000, { root: root.id });
    open({ posts: [root, answer] }, to.thread(root.id));
    const entries = await screen.findAllByTestId("card");
    const reply = (entry: number): Promise<boolean> =>
      fireEvent.click(within(entries[entry] as HTMLElement).getByRole("button", { name: "Reply" }));
    await fireEvent.input(screen.getByTestId("reply-text"), { target: { value: "to *you*" } });
    await fireEvent.click(screen.getByTestId("composer-look"));
    await reply(0);
    await waitFor(() => expect(document.activeElement).toBe(screen.getByTestId("composer-preview")));
    await reply(1);
    await waitFor(() => expect(document.activeElement).toBe(screen.getByTestId("reply-text")));
    expect(screen.queryByTestId("composer-preview")).toBeNull();
  });
});

describe("nearby", () => {
  it("says what flows, and lets one follow a stranger by what they call themselves", async () => {
    const kestrel = makePerson("KES7REL", "stranger", { named: false, near: true });
    open(
      {
        people: [bo, kestrel],
        near: [
          { id: bo.id, callsThemselves: null, flow: { kind: "receiving", messages: 214 }, slowed: null },
          { id: kestrel.id, callsThemselves: "Kestrel", flow: { kind: "level" }, slowed: null },
        ],
      },
      to.nearby,
    );
    const [first, second] = (await screen.findAllByTestId("near-tile")) as [HTMLElement, HTMLElement];
    expect(first.textContent).toContain("sending you 214 posts");
    expect(second.textContent).toContain("calls themselves");
    expect(second.textContent).toContain("Kestrel");
    await fireEvent.click(within(second).getByTestId("follow"));
    await waitFor(() => expect(within(second).queryByTestId("follow")).toBeNull());
    expect(second.textContent).toContain("level with you");
  });
});

describe("devices that break the rules", () => {
  it("are named with what they did, and for how long they are out", async () => {
    const rook = makePerson("RooK9xxx", "stranger", { named: false });
    open(
      {
        people: [bo, rook],
        near: [{ id: bo.id, callsThemselves: null, flow: { kind: "level" }, slowed: "it sent too many messages that do not hold" }],
        leftOut: [{ id: rook.id, callsThemselves: "Rook", reason: "it sent a frame that cannot be read", secondsLeft: 110 }],
      },
      to.nearby,
    );
    expect((await screen.findByTestId("near-tile")).textContent).toContain("Listened to slowly: it sent too many messages that do not hold.");
    const out = screen.getByTestId("left-out").textContent;
    expect(out).toContain("calls themselves");
    expect(out).toContain("Rook");
    expect(out).toContain("it sent a frame that cannot be read. Back in 2 minutes.");
  });
});

describe("the network by hand", () => {
  it("links by address, says why not, and forgets", async () => {
    open({ answers: { "192.168.7.4:4100": bo.id } }, to.nearby);
    const link = async (address: string) => {
      await fireEvent.input(await screen.findByTestId("address"), { target: { value: address } });
      await fireEvent.click(screen.getByTestId("connect"));
    };
    await link(" 10.0.0.9:1 ");
    expect((await screen.findByRole("alert")).textContent).toContain("10.0.0.9:1 could not be reached");
    await link("192.168.7.4:4100");
    const kept = await screen.findByTestId("reached");
    expect(kept.textContent).toContain("Bo");
    expect(screen.queryByRole("alert")).toBeNull();
    expect(screen.getByTestId<HTMLInputElement>("address").value).toBe("");
    await fireEvent.click(within(kept).getByRole("button", { name: "Forget 192.168.7.4:4100" }));
    await waitFor(() => expect(screen.queryByTestId("reached")).toBeNull());
  });

  it("shows what the doctor found, what is wrong first", async () => {
    const finding = { trouble: "isolated" as const, adapter: "wlan0", problem: true, what: "Nobody at all was heard on wlan0.", next: "Use another network." };
    open({ findings: [finding] }, to.nearby);
    await fireEvent.click(await screen.findByTestId("check-network"));
    const shown = await screen.findByTestId("finding");
    expect(shown.textContent).toContain("Something is wrong:");
    expect(shown.textContent).toContain("Use another network.");
    expect(screen.getByTestId("check-network").textContent).toContain("Check again");
  });
});

describe("search", () => {
  const field = () => screen.findByTestId<HTMLInputElement>("search-text");
  const texts = () => screen.getAllByTestId("hit").map((hit) => hit.querySelector(".snippet")?.textContent);
  const harbour = [
    makePost(bo, "The kettle is on at the harbour", 3_000, { channel: "harbour" }),
    makePost(ada, "Harbour soup, bring a spoon", 2_000),
    makePost(bo, "The <b>keeper</b> lied about the harbour lamp", 1_000, { contentWarning: "Spoilers" }),
  ];

  it("answers while one types, and marks what was found without making elements of it", async () => {
    open({ posts: [...harbour, makePost(bo, "<b>kettle</b> again", 500)] }, to.search);
    await fireEvent.input(await field(), { target: { value: "kett" } });
    await waitFor(() => expect(texts()).toEqual(["The kettle is on at the harbour", "<b>kettle</b> again"]));
    const marks = [...document.querySelectorAll("mark")].map((mark) => mark.textContent);
    expect(marks).toEqual(["kettle", "kettle"]);
    expect(document.querySelector(".results b")).toBeNull();
  });

  it("tells a screen reader of each answer, of equally many posts too, and leaves its keys to an input method", async () => {
    open({ posts: harbour }, to.search);
    const told = () => document.querySelector("[aria-live=polite].unseen")?.textContent ?? "";
    await fireEvent.input(await field(), { target: { value: "kettle" } });
    await waitFor(() => expect(told()).toContain("1 post found"));
    const before = told();
    await fireEvent.input(await field(), { target: { value: "soup" } });
    await waitFor(() => expect(texts()).toEqual(["Harbour soup, bring a spoon"]));
    await waitFor(() => expect(told()).not.toBe(before));
    expect(told().trim()).toBe("1 post found");
    await fireEvent.keyDown(await field(), { key: "Escape", isComposing: true });
    expect((await field()).value).toBe("soup");
    await fireEvent.keyDown(await field(), { key: "Escape" });
    expect((await field()).value).toBe("");
  });

  it("finds whole words, and beginnings of the last one only", async () => {
    open({ posts: harbour }, to.search);
    await fireEvent.input(await field(), { target: { value: "har kettle" } });
    expect(await screen.findByText("Nothing found")).toBeTruthy();
    await fireEvent.input(await field(), { target: { value: "arbour" } });
    await new Promise((done) => setTimeout(done, 200));
    expect(screen.queryByTestId("hit")).toBeNull();
    await fireEvent.input(await field(), { target: { value: "kettle harb" } });
    await waitFor(() => expect(texts()).toEqual(["The kettle is on at the harbour"]));
  });

  it("says that a page could not be read, keeps the rest, and tries again", async () => {
    const backend = open({ posts: harbour }, to.search);
    vi.spyOn(backend, "search").mockRejectedValueOnce({ code: "disk", message: "The disk could not be read.", next: "Try again." });
    await fireEvent.input(await field(), { target: { value: "soup" } });
    const unread = await screen.findByTestId("unread");
    expect(unread.textContent).toContain("could not be read");
    await fireEvent.click(within(unread).getByRole("button", { name: "Try again" }));
    await waitFor(() => expect(texts()).toEqual(["Harbour soup, bring a spoon"]));
    expect(screen.queryByTestId("unread")).toBeNull();
  });

  it("drops an answer that comes after the one to a later question", async () => {
    const backend = open({ posts: harbour }, to.search);
    const search = backend.search.bind(backend);
    let late: () => void = () => undefined;
    vi.spyOn(backend, "search").mockImplementation(async (query) => {
      const page = await search(query);
      if (query.text === "kettle") await new Promise<void>((done) => (late = done));
      return page;
    });
    await fireEvent.input(await field(), { target: { value: "kettle" } });
    await waitFor(() => expect(backend.searched.map((query) => query.text)).toEqual(["kettle"]));
    await fireEvent.input(await field(), { target: { value: "soup" } });
    await waitFor(() => expect(texts()).toEqual(["Harbour soup, bring a spoon"]));
    late();
    await new Promise((done) => setTimeout(done, 20));
    expect(texts()).toEqual(["Harbour soup, bring a spoon"]);
  });

  it("narrows to a person who was found by name, and widens again", async () => {
    const backend = open({ posts: harbour }, to.search);
    await fireEvent.input(await field(), { target: { value: "bo" } });
    await fireEvent.click(await screen.findByRole("button", { name: "Only their posts" }));
    await waitFor(() => expect(backend.searched.at(-1)).toMatchObject({ text: "", from: bo.id }));
    await waitFor(() => expect(screen.getAllByTestId("hit")).toHaveLength(2));
    await fireEvent.click(screen.getByRole("button", { name: "From anyone again" }));
    await waitFor(() => expect(screen.queryByTestId("hit")).toBeNull());
  });

  it("keeps what is warned of folded", async () => {
    open({ posts: harbour }, to.search);
    await fireEvent.input(await field(), { target: { value: "keeper" } });
    const hit = await screen.findByTestId("hit");
    expect(hit.textContent).toContain("Spoilers");
    expect(hit.textContent).not.toContain("lied");
  });

  it("opens a pasted id with Enter, and says so where it is not here", async () => {
    open({ posts: harbour }, to.search);
    await fireEvent.input(await field(), { target: { value: `%${"A".repeat(43)}=.sha256` } });
    expect(await screen.findByText("This is not stored here")).toBeTruthy();
    await fireEvent.input(await field(), { target: { value: harbour[0]?.id } });
    await screen.findByTestId("search-target");
    await fireEvent.submit(screen.getByRole("search"));
    expect(await screen.findByTestId("thread")).toBeTruthy();
  });

  it("is reached by Ctrl and K while one writes, walked by keys, and left as it was", async () => {
    open({ posts: harbour });
    const composer = await screen.findByTestId("composer-text");
    composer.focus();
    await fireEvent.keyDown(composer, { key: "k", ctrlKey: true });
    await waitFor(async () => expect(document.activeElement).toBe(await field()));
    await fireEvent.input(await field(), { target: { value: "harbour" } });
    const hits = await screen.findAllByTestId("hit");
    await fireEvent.keyDown(await field(), { key: "ArrowDown" });
    expect(document.activeElement).toBe(hits[0]);
    await fireEvent.keyDown(hits[0] as HTMLElement, { key: "j" });
    expect(document.activeElement).toBe(hits[1]);
    await fireEvent.keyDown(hits[1] as HTMLElement, { key: "k" });
    await fireEvent.keyDown(hits[0] as HTMLElement, { key: "k" });
    expect(document.activeElement).toBe(await field());
    await fireEvent.keyDown(hits[1] as HTMLElement, { key: "Enter" });
    await screen.findByTestId("thread");
    await fireEvent.keyDown(window, { key: "/" });
    expect((await field()).value).toBe("harbour");
    expect(screen.getAllByTestId("hit")).toHaveLength(3);
  });
});

describe("a long catching up", () => {
  it("says from whom, how much and how long, tells it once, and is gone when everything is here", async () => {
    const backend = open({ near: [{ id: bo.id, callsThemselves: null, flow: { kind: "level" }, slowed: null }] });
    await screen.findByText("Everything is level.", { exact: false });
    backend.setNear([{ id: bo.id, callsThemselves: null, flow: { kind: "receiving", messages: 6_000 }, slowed: null }], { done: 2_000, toCome: 6_000, secondsLeft: 130 });
    const [shown] = await screen.findAllByTestId("catching-up");
    expect(shown?.textContent).toContain("Catching up with Bo");
    expect(shown?.textContent).toContain("about 3 minutes");
    const bar = within(shown as HTMLElement).getByRole("progressbar");
    expect(bar.getAttribute("aria-valuenow")).toBe("25");
    expect(bar.getAttribute("aria-valuetext")).toBe("2,000 messages are here, 6,000 to come. about 3 minutes");
    const told = () => document.querySelector("[aria-live=polite].unseen")?.textContent;
    expect(told()).toBe("Catching up, about 3 minutes.");
    backend.setNear([{ id: bo.id, callsThemselves: null, flow: { kind: "level" }, slowed: null }]);
    await waitFor(() => expect(screen.queryByTestId("catching-up")).toBeNull());
    expect(told()).toBe("Everything has arrived.");
  });

  it("is no word about a handful of posts", async () => {
    const backend = open();
    backend.setNear([{ id: bo.id, callsThemselves: null, flow: { kind: "receiving", messages: 12 }, slowed: null }], { done: 3, toCome: 12, secondsLeft: 1 });
    await screen.findByText("sending you 12 posts");
    expect(screen.queryByTestId("catching-up")).toBeNull();
  });

  it("says when indexes are filled again", async () => {
    open({ indexing: { done: 250_000, total: 1_000_000 } });
    const [shown] = await screen.findAllByTestId("indexing");
    expect(shown?.textContent).toContain("250,000 of 1,000,000 messages");
  });
});

describe("a person", () => {
  it("is followed and unfollowed with a line of what that does", async () => {
    const jun = makePerson("Jun", "stranger");
    open({ people: [jun] }, to.person(jun.id));
    expect((await screen.findByTestId("person-name")).textContent).toBe("Jun");
    expect(await screen.findByText(/Everybody can see whom you follow/)).toBeTruthy();
    await fireEvent.click(screen.getByTestId("follow"));
    expect(await screen.findByTestId("unfollow")).toBeTruthy();
    expect(await screen.findByText("You follow them")).toBeTruthy();
  });

  it("is muted and unmuted with a line of what that does", async () => {
    const post = makePost(bo, "Bread is ready.", 1_000);
    open({ posts: [post] }, to.person(bo.id));
    expect(await screen.findByText("Bread is ready.")).toBeTruthy();
    const mute = await screen.findByTestId("mute");
    expect(document.getElementById(mute.getAttribute("aria-describedby") ?? "")?.textContent).toContain("Only this device knows");
    await fireEvent.click(mute);
    expect(await screen.findByTestId("muted")).toBeTruthy();
    expect(screen.getByText("Bread is ready."), "on their own page they are seen").toBeTruthy();
    location.hash = to.all;
    await waitFor(() => expect(screen.queryByText("Bread is ready.")).toBeNull());
    location.hash = to.person(bo.id);
    await fireEvent.click(await screen.findByTestId("unmute"));
    await waitFor(() => expect(screen.queryByTestId("muted")).toBeNull());
  });

  it.each(["private", "public"] as const)("is blocked in %s, after a question, and shows no posts until unblocked", async (kind) => {
    const post = makePost(bo, "Bread is ready.", 1_000);
    const backend = open({ posts: [post] }, to.person(bo.id));
    const block = vi.spyOn(backend, "block");
    await fireEvent.click(await screen.findByTestId("block"));
    const question = await screen.findByTestId("block-question");
    expect(question.textContent).toContain("Bo");
    expect(question.textContent).toContain("everybody can read that you block them");
    expect(screen.getByTestId<HTMLInputElement>("block-private").checked, "the quiet way unless another is chosen").toBe(true);
    if (kind === "public") await fireEvent.click(screen.getByTestId("block-public"));
    await fireEvent.click(screen.getByTestId("block-now"));
    await waitFor(() => expect(block).toHaveBeenCalledWith(bo.id, kind === "private"));
    expect(await screen.findByTestId("blocked-posts")).toBeTruthy();
    expect(await screen.findByText(kind === "private" ? /Only this device knows/ : /and everybody can read it/)).toBeTruthy();
    expect(screen.queryByText("Bread is ready.")).toBeNull();
    expect(screen.queryByTestId("block-question")).toBeNull();
    expect(screen.queryByTestId("follow")).toBeNull();
    await fireEvent.click(await screen.findByTestId("unblock"));
    expect(await screen.findByText("Bread is ready.")).toBeTruthy();
  });

  it("is looked at without being stored, when that is asked for", async () => {
    const kit = makePerson("Kit", "stranger");
    const seen = { person: kit, through: bo, head: 9, posts: [makePost(kit, "Seen from afar.", 1_000)], next: null };
    const backend = open({ people: [bo, kit], looks: { [kit.id]: seen } }, to.person(kit.id));
    const lookAt = vi.spyOn(backend, "lookAt");
    const look = await screen.findByTestId("look");
    expect(lookAt).not.toHaveBeenCalled();
    await fireEvent.click(look);
    expect((await screen.findByTestId("looked")).textContent).toContain("Nothing of this is stored here");
    expect(screen.getByTestId("looked").textContent).toContain("Bo");
    expect(screen.getByTestId("looked-post").textContent).toContain("Seen from afar.");
    expect(screen.queryByTestId("look"), "that is all they have").toBeNull();
    expect(within(screen.getByTestId("looked-post")).queryByRole("button"), "nothing to like or answer").toBeNull();
  });

  it("is not blocked by somebody who changes their mind, and says why a block was refused", async () => {
    const backend = open({}, to.person(bo.id));
    const block = vi.spyOn(backend, "block").mockRejectedValue({ code: "disk", message: "The disk is full.", next: "Free some space." });
    await fireEvent.click(await screen.findByTestId("block"));
    await fireEvent.click(within(await screen.findByTestId("block-question")).getByText("Cancel"));
    await waitFor(() => expect(screen.queryByTestId("block-question")).toBeNull());
    expect(block).not.toHaveBeenCalled();
    await fireEvent.click(screen.getByTestId("block"));
    await fireEvent.click(await screen.findByTestId("block-now"));
    expect((await screen.findByTestId("toast")).textContent).toContain("The disk is full.");
  });

  it("edits one's own name and words", async () => {
    const backend = open({}, to.person(ada.id));
    const rename = vi.spyOn(backend, "rename");
    const edit = await screen.findByTestId<HTMLButtonElement>("edit-self");
    await waitFor(() => expect(edit.disabled).toBe(false));
    await fireEvent.click(edit);
    await fireEvent.input(await screen.findByTestId("own-name"), { target: { value: "Ada L." } });
    await fireEvent.click(screen.getByTestId("own-save"));
    await waitFor(() => expect(rename).toHaveBeenCalledWith("Ada L.", null));
    await waitFor(() => expect(screen.getByTestId("person-name").textContent).toBe("Ada L."));
  });
});

describe("what others write", () => {
  it("brings no element, address or handler of its own into the page", async () => {
    const hostile = [
      "<script>window.hurt = 1</script><img src=x onerror='window.hurt = 1'><svg onload='window.hurt = 1'>",
      "![x](https://spy.example/p.gif) [y](javascript:window.hurt=1) <javascript:window.hurt=1>",
      "[z](data:text/html,<script>window.hurt=1</script>) <iframe src=//spy.example></iframe> <style>*{display:none}</style>",
      "[a](https://ok.example/\"onmouseover=\"window.hurt=1) #\"><b>x</b>",
    ];
    open({ posts: hostile.map((text, at) => makePost({ ...bo, name: `<b>${at}</b>` }, text, 1_000 + at)) });
    await waitFor(() => expect(screen.getAllByTestId("card")).toHaveLength(hostile.length));
    const list = screen.getByRole("list", { name: "Posts" });
    expect(list.querySelectorAll("script, img, iframe, style, object, embed, link, form, video, audio, b")).toHaveLength(0);
    for (const element of list.querySelectorAll("*")) {
      for (const { name } of element.attributes) expect(name).not.toMatch(/^on|^src|^srcdoc|^action/);
      if (element instanceof HTMLAnchorElement) expect(element.getAttribute("href")).toMatch(/^#\//);
    }
    expect("hurt" in window).toBe(false);
  });

  it("asks before anything leads out, and shows the full host", async () => {
    open({ posts: [makePost(bo, "[your bank](https://bank.example@evil.example/login)", 1_000)] });
    await fireEvent.click(await screen.findByRole("button", { name: "your bank" }));
    const question = await screen.findByTestId("link-question");
    expect(within(question).getByText("evil.example")).toBeTruthy();
    expect(within(question).getByDisplayValue("https://bank.example@evil.example/login")).toBeTruthy();
  });

  it("keeps spaces between words and marks as they were written", async () => {
    open({ posts: [makePost(bo, "a **b** *c*d `e` f", 1_000)] });
    const card = await screen.findByTestId("card");
    expect(card.querySelector(".text p")?.textContent).toBe("a b cd e f");
  });
});

describe("the failure screen", () => {
  it("says what happened and tries again", async () => {
    const backend = scene("failure");
    render(App, { backend });
    expect(await screen.findByText("Another Periwinkle already uses this folder.")).toBeTruthy();
    vi.spyOn(backend, "startState").mockResolvedValue({ kind: "welcome" });
    await fireEvent.click(screen.getByRole("button", { name: "Try again" }));
    expect(await screen.findByTestId("welcome-name")).toBeTruthy();
  });
});
