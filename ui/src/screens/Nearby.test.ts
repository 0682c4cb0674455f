/** Who is near, how one is linked, and what stands in the way. */
import { fireEvent, screen, waitFor, within } from "@testing-library/svelte";
import { describe, expect, it } from "vitest";
import { makePerson } from "../backend/memory/memory";
import { to } from "../state/route.svelte";
import { bo, open } from "../test-window";

describe("nearby", () => {
  it("says what flows, and lets one follow a stranger by what they call themselves", async () => {
    const kestrel = makePerson("KES7REL", "stranger", { named: false, near: true });
    open(
      {
        people: [bo, kestrel],
        near: [
          { id: bo.id, callsThemselves: null, here: true, flow: { kind: "receiving", messages: 214 }, slowed: null },
          { id: kestrel.id, callsThemselves: "Kestrel", flow: { kind: "level" }, slowed: null },
        ],
      },
      to.nearby,
    );
    const [first, second] = (await screen.findAllByTestId("near-tile")) as [HTMLElement, HTMLElement];
    expect(first.textContent).toContain("sending you 214 posts");
    expect(within(first).getByTestId("here").textContent).toBe("here now");
    expect(within(second).queryByTestId("here")).toBeNull();
    expect(second.textContent).toContain("calls themselves");
    expect(second.textContent).toContain("Kestrel");
    await fireEvent.click(within(second).getByTestId("follow"));
    await waitFor(() => expect(within(second).queryByTestId("follow")).toBeNull());
    expect(second.textContent).toContain("level with you");
  });
});

describe("being seen", () => {
  it("is told to those near, unless one chooses otherwise", async () => {
    const backend = open({}, to.nearby);
    const choice = await screen.findByTestId("says-here");
    expect(choice.getAttribute("aria-checked")).toBe("true");
    await fireEvent.click(choice);
    await waitFor(() => expect(choice.getAttribute("aria-checked")).toBe("false"));
    expect(await backend.settings()).toEqual({ saysHere: false, showsStrangers: false });
    // What another program chooses meanwhile shows here.
    await backend.choose({ saysHere: true, showsStrangers: false });
    await waitFor(() => expect(choice.getAttribute("aria-checked")).toBe("true"));
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
