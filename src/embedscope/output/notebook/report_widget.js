/** The page in a frame that reaches nothing, and the messages between it and the model of the widget. */

const isSame = (a, b) => a.length === b.length && new Set([...a, ...b]).size === new Set(a).size;
const isId = (value) => typeof value === 'string';

function render({ model, el }) {
  const frame = document.createElement('iframe');
  frame.setAttribute('sandbox', model.get('sandbox'));
  frame.title = 'The report';
  frame.style.cssText = `width: 100%; height: ${model.get('height')}px; border: 1px solid #8888; border-radius: 4px`;
  frame.srcdoc = model.get('page');
  let port = null;

  /** What the page is known to have selected and open: it is not told what it said itself. */
  let known = { selected: [], opened: null };

  const select = () => {
    const ids = model.get('selected');
    if (!port || isSame(ids, known.selected)) return;
    known.selected = ids;
    port.postMessage({ type: 'select', ids });
  };
  const open = () => {
    const id = model.get('opened');
    if (!port || id === known.opened) return;
    known.opened = id;
    port.postMessage({ type: 'open', id });
  };

  const take = ({ data }) => {
    const isSelection = data?.type === 'selected' && Array.isArray(data.ids) && data.ids.every(isId);
    const isOpening = data?.type === 'opened' && (data.id === null || isId(data.id));
    if (isSelection) model.set('selected', (known.selected = data.ids));
    else if (isOpening) model.set('opened', (known.opened = data.id));
    if (isSelection || isOpening) model.save_changes();
  };

  /** A page that has opened is given a port of its own, and the state of the model. */
  const connect = (event) => {
    if (event.source !== frame.contentWindow || event.data !== 'embedscope-ready') return;
    port?.close();
    const channel = new MessageChannel();
    port = channel.port1;
    port.onmessage = take;
    frame.contentWindow.postMessage('embedscope-connect', '*', [channel.port2]);
    known = { selected: [], opened: null };
    select();
    open();
  };

  window.addEventListener('message', connect);
  model.on('change:selected', select);
  model.on('change:opened', open);
  el.append(frame);
  return () => {
    window.removeEventListener('message', connect);
    model.off('change:selected', select);
    model.off('change:opened', open);
    port?.close();
  };
}

export default { render };
