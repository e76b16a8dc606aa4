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

  const select = () => port?.postMessage({ type: 'select', ids: model.get('selected') });
  const open = () => port?.postMessage({ type: 'open', id: model.get('opened') });

  /** What the page says of itself goes into the model, unless it is there already. */
  const take = ({ data }) => {
    if (data?.type === 'selected' && Array.isArray(data.ids) && data.ids.every(isId)) {
      if (isSame(data.ids, model.get('selected'))) return;
      model.set('selected', data.ids);
    } else if (data?.type === 'opened' && (data.id === null || isId(data.id))) {
      if (data.id === model.get('opened')) return;
      model.set('opened', data.id);
    } else return;
    model.save_changes();
  };

  /** A page that has opened is given a port of its own, and the state of the model. */
  const connect = (event) => {
    if (event.source !== frame.contentWindow || event.data !== 'embedscope-ready') return;
    port?.close();
    const channel = new MessageChannel();
    port = channel.port1;
    port.onmessage = take;
    frame.contentWindow.postMessage('embedscope-connect', '*', [channel.port2]);
    if (model.get('selected').length > 0) select();
    if (model.get('opened') !== null) open();
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
