/** Buttons of which the keyboard reaches one by Tab, and the others by arrow keys: hundreds would keep it from the rest. */
export function walkedByArrows(buttons: readonly HTMLButtonElement[]): readonly HTMLButtonElement[] {
  const steps: Readonly<Record<string, (place: number) => number>> = {
    ArrowLeft: (place) => place - 1,
    ArrowUp: (place) => place - 1,
    ArrowRight: (place) => place + 1,
    ArrowDown: (place) => place + 1,
    Home: () => 0,
    End: () => buttons.length - 1,
  };
  buttons.forEach((button, place) => {
    button.tabIndex = place === 0 ? 0 : -1;
    button.addEventListener("focus", () => {
      for (const other of buttons) other.tabIndex = other === button ? 0 : -1;
    });
    button.addEventListener("keydown", (event) => {
      const next = buttons[steps[event.key]?.(place) ?? -1];
      if (next === undefined) return;
      event.preventDefault();
      next.focus();
    });
  });
  return buttons;
}
