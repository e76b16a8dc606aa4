/** A button that opens a small box under itself, closed by Esc and by leaving it. */
import type { ComponentChildren } from 'preact';
import { useLayoutEffect, useRef, useState } from 'preact/hooks';

/** Room that a box keeps to the edge of the window. */
const EDGE = 8;

export function Menu(props: {
  /** Names the button where its content is a sign. */
  label?: string;
  sign: ComponentChildren;
  className?: string;
  width?: number;
  /** What the box holds, made when it is open; `close` shuts it. */
  children: (close: () => void) => ComponentChildren;
}) {
  const { label, sign, className = '', width = 260, children } = props;
  const box = useRef<HTMLDetailsElement>(null);
  const [place, setPlace] = useState<{ left: number; top: number; height: number } | null>(null);
  const isOpen = place !== null;
  useLayoutEffect(() => {
    if (isOpen) box.current?.querySelector('input')?.focus();
  }, [isOpen]);
  const close = () => box.current?.removeAttribute('open');
  const open = () => {
    const button = box.current?.getBoundingClientRect();
    if (!button || !box.current?.open) return setPlace(null);
    const most = document.documentElement.clientWidth - width - EDGE;
    const top = button.bottom + 4;
    setPlace({ left: Math.max(EDGE, Math.min(button.left, most)), top, height: innerHeight - top - EDGE });
  };
  return (
    <details
      class={`menu ${className}`}
      ref={box}
      onToggle={open}
      onFocusOut={(event) => {
        if (!box.current?.contains(event.relatedTarget as Node | null)) close();
      }}
      onKeyDown={(event) => {
        if (event.key !== 'Escape' || !box.current?.open) return;
        event.stopPropagation();
        close();
        box.current.querySelector('summary')?.focus();
      }}
    >
      <summary aria-label={label} title={label}>
        {sign}
      </summary>
      {place && (
        <div
          class="menu-box"
          tabIndex={-1}
          style={{
            left: `${place.left}px`,
            top: `${place.top}px`,
            width: `${width}px`,
            maxHeight: `${place.height}px`,
          }}
        >
          {children(close)}
        </div>
      )}
    </details>
  );
}

/** A button that offers the same thing as files of several kinds. */
export function FileMenu<Ending extends string>(props: {
  sign: string;
  files: { ending: Ending; note: string }[];
  onSave: (ending: Ending) => void;
}) {
  return (
    <Menu className="export" sign={props.sign}>
      {(close) => (
        <div class="export-menu">
          {props.files.map(({ ending, note }) => (
            <button
              key={ending}
              type="button"
              onClick={() => {
                close();
                props.onSave(ending);
              }}
            >
              {ending.toUpperCase()} <small>{note}</small>
            </button>
          ))}
        </div>
      )}
    </Menu>
  );
}

/** Names that can be chosen, any number of them, each with a note. */
export function Choices<T>(props: {
  label: string;
  options: { value: T; label: ComponentChildren; note?: ComponentChildren }[];
  isChosen: (value: T) => boolean;
  onToggle: (value: T) => void;
}) {
  return (
    <fieldset class="choices" aria-label={props.label}>
      {props.options.map(({ value, label, note }, i) => (
        <label key={i}>
          <input type="checkbox" checked={props.isChosen(value)} onChange={() => props.onToggle(value)} />
          <span>{label}</span>
          {note !== undefined && <small class="number">{note}</small>}
        </label>
      ))}
    </fieldset>
  );
}
